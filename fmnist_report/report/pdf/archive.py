"""What makes the printed report an archive's PDF/A-3a as well as a PDF/UA-1, beyond what WeasyPrint writes."""

import typing
import zlib

# PDF/A wants every property of the metadata to be declared that it does not know itself.
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
    """State the conformance with PDF/UA-1 in the metadata of a PDF/A, which no filter may hide.

    Args:
        pdf: a pydyf.PDF, changed in place.

    Source: ISO 14289-1, 5; ISO 19005-3, 6.6.2.
    """
    (metadata,) = [found for found in pdf.objects if found.reference == pdf.catalog["Metadata"]]
    (written,) = metadata.stream
    before, end, after = written.partition(END)
    metadata.stream, metadata.compress = [before + ACCESSIBLE + end + after], False


def end_plainly(pdf: typing.Any) -> None:
    """Let no stream end in a carriage return, which with the line feed after it would pass for one end of a line.

    Readers that look for the end, as ISO 19005-3, 6.1.7.1 lets them, find another length than is stated otherwise.
    """
    import pydyf

    for found in pdf.objects:
        if isinstance(found, pydyf.Stream):
            data = b"\n".join(item if isinstance(item, bytes) else pydyf._to_bytes(item) for item in found.stream)
            if not found.compress and data[-1:] == b"\r":
                found.stream = [*found.stream, b""]
            elif found.compress and zlib.adler32(data) % 256 == RETURN:  # the last byte of what is compressed
                found.compress = False


def ends_plainly(document: bytes) -> bool:
    """Tell whether no stream of a written PDF ends in a carriage return.

    Of those that exist before it is written end_plainly takes care; the tables of objects are written last.
    """
    return b"\r\nendstream" not in document


def change_slightly(pdf: typing.Any, n: int) -> None:
    """Add n empty objects that nothing refers to, so that the tables of objects become others."""
    import pydyf

    for _ in range(n):
        pdf.add_object(pydyf.Dictionary())
