"""Post-processing for PDF/A-3a and PDF/UA-1 conformance, beyond the output of WeasyPrint."""

import typing
import zlib

# PDF/A requires a declaration of every metadata property that it does not define itself.
ACCESSIBLE = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 with which the document complies</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""
END = b"</rdf:RDF>"
RETURN = 13


def identify(pdf: typing.Any) -> None:
    """Declare conformance with PDF/UA-1 in the uncompressed metadata of a PDF/A.

    Args:
        pdf: a pydyf.PDF, changed in place.

    Source: ISO 14289-1, 5; ISO 19005-3, 6.6.2.
    """
    (metadata,) = [found for found in pdf.objects if found.reference == pdf.catalog["Metadata"]]
    (written,) = metadata.stream
    before, end, after = written.partition(END)
    metadata.stream, metadata.compress = [before + ACCESSIBLE + end + after], False


def end_plainly(pdf: typing.Any) -> None:
    """Prevent streams that end in a carriage return, which with the next line feed looks like a single line ending.

    Otherwise, readers that search for the end, as ISO 19005-3, 6.1.7.1 allows, find a wrong length.
    """
    import pydyf

    for found in pdf.objects:
        if isinstance(found, pydyf.Stream):
            data = b"\n".join(item if isinstance(item, bytes) else pydyf._to_bytes(item) for item in found.stream)
            if not found.compress and data[-1:] == b"\r":
                found.stream = [*found.stream, b""]
            elif found.compress and zlib.adler32(data) % 256 == RETURN:  # the last byte of the compressed data
                found.compress = False


def ends_plainly(document: bytes) -> bool:
    """Return whether no stream of a written PDF ends in a carriage return.

    end_plainly handles the streams that exist before writing; cross-reference streams are written last.
    """
    return b"\r\nendstream" not in document


def change_slightly(pdf: typing.Any, n: int) -> None:
    """Add n empty unreferenced objects, so that the cross-reference streams change."""
    import pydyf

    for _ in range(n):
        pdf.add_object(pydyf.Dictionary())
