"""References: published results on Fashion-MNIST's test set, and publications of methods and bases."""

import typing
import urllib.parse
from dataclasses import dataclass

from fmnist_report.backbones import MODULES
from fmnist_report.messages import N_
from fmnist_report.optimizers import OPTIMIZERS

LIST = "https://github.com/zalandoresearch/fashion-mnist#benchmark"


@dataclass(frozen=True)
class PublishedResult:
    """A published accuracy.

    Args:
        network: translatable description of the network.
        accuracy: accuracy on the official 10,000 test images, a fraction.
        source: authors or publisher.
        address: URL.
        ours: the model of this report to compare with; empty for none.
    """

    network: str
    accuracy: float
    source: str
    address: str
    ours: str = ""


@dataclass(frozen=True)
class Reference:
    """An entry of the list of references.

    Args:
        key: key for citations.
        text: authors, title, place and year.
        address: URL.
        place: the address as printed.
        lang: language of the text.
    """

    key: str
    text: str
    address: str
    place: str
    lang: str = "en"


HUMAN = PublishedResult(N_("people without expertise in fashion"), 0.835, "Zalando Research", LIST)
PUBLISHED = (
    HUMAN,
    PublishedResult(N_("perceptron, 256-128-64"), 0.900, "Zalando Research", LIST, "mlp"),
    PublishedResult(
        N_("perceptron, 2.9 million parameters, shift and mirror"), 0.9163, "Nøkland, Eidnes, 2019",
        "https://github.com/anokland/local-loss", "mlp",
    ),
    PublishedResult(N_("convolutional network, 1.8 million parameters"), 0.932, "Zalando Research", LIST, "cnn"),
    PublishedResult(N_("ResNet-18, augmentation"), 0.949, "Zalando Research", LIST, "cnn"),
    PublishedResult(
        N_("DenseNet-BC, 768 thousand parameters, shift and mirror"), 0.954, "Zalando Research", LIST, "cnn"
    ),
    PublishedResult(N_("WRN-28-10, random erasing"), 0.963, "Zalando Research", LIST, "cnn"),
    PublishedResult(N_("WRN-40-4, 8.9 million parameters, shift and mirror"), 0.967, "Zalando Research", LIST, "cnn"),
    PublishedResult(
        N_("architecture found by search (Fine-Tuning DARTS)"), 0.9691, "Tanveer, Khan, Kyung, 2020",
        "https://arxiv.org/abs/2006.09042", "cnn",
    ),
    PublishedResult(N_("VGG16, 26 million parameters"), 0.935, "Zalando Research", LIST, "vgg_finetuned"),
)  # fmt: skip


@dataclass(frozen=True)
class Method:
    """A method used in the report, with a brief explanation.

    Args:
        term: translatable name, and words: translatable explanation.
        source: authors and publication; empty for common knowledge.
        when: what a report must have used for the method to be listed, as in tables.list_methods; empty for all.
    """

    term: str
    words: str
    source: str = ""
    address: str = ""
    when: str = ""


METHODS = (
    Method(
        N_("Wilson’s interval"),
        N_("a confidence interval for a proportion that remains valid near 100%"),
        "E. B. Wilson. Probable Inference, the Law of Succession, and Statistical Inference. Journal of the "
        "American Statistical Association 22, 1927",
        "https://doi.org/10.1080/01621459.1927.10502953",
    ),
    Method(
        N_("McNemar’s test"),
        N_("compares two models by the images on which exactly one of them errs"),
        "Q. McNemar. Note on the Sampling Error of the Difference between Correlated Proportions or Percentages. "
        "Psychometrika 12, 1947",
        "https://doi.org/10.1007/BF02295996",
    ),
    Method(
        N_("Holm’s correction"),
        N_("raises p so that the chance of any false finding among all comparisons stays within 5%"),
        "S. Holm. A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal of Statistics 6, "
        "1979",
        "https://www.jstor.org/stable/4615733",
    ),
    Method(
        N_("Newcombe’s interval"),
        N_("a confidence interval for the difference between two proportions"),
        "R. G. Newcombe. Improved Confidence Intervals for the Difference between Binomial Proportions Based on "
        "Paired Data; Interval Estimation for the Difference between Independent Proportions. Statistics in "
        "Medicine 17, 1998",
        "https://doi.org/10.1002/(SICI)1097-0258(19981130)17:22%3C2635::AID-SIM954%3E3.0.CO;2-C",
    ),
    Method(
        N_("Hahn’s interval"),
        N_("a prediction interval for several further values at once, from the spread of repeated measurements"),
        "G. J. Hahn. Factors for Calculating Two-Sided Prediction Intervals for Samples from a Normal Distribution. "
        "Journal of the American Statistical Association 64, 1969",
        "https://doi.org/10.1080/01621459.1969.10501007",
    ),
    Method(
        N_("MAC"),
        N_("a multiplication and an addition, the unit in which the cost of a prediction is counted"),
    ),
    Method(
        N_("precision and recall"),
        N_(
            "the share of predictions of a class that are right, and the share of its images that are found; F1 is "
            "their harmonic mean, macro-F1 the mean of F1 over the classes"
        ),
    ),
    Method(
        N_("expected calibration error"),
        N_("the mean gap between the probability of the predicted class and the share of correct predictions"),
        "C. Guo, G. Pleiss, Y. Sun, K. Weinberger. On Calibration of Modern Neural Networks, 2017",
        "https://arxiv.org/abs/1706.04599",
    ),
    Method(
        N_("temperature"),
        N_("a number by which logits are divided so that probabilities match the share of correct predictions"),
    ),
    *(Method(one.label, one.words, one.source, one.address, when=name) for name, one in OPTIMIZERS.items()),
    Method(
        N_("one cycle"),
        N_("a schedule in which the learning rate rises to a peak and then falls to zero"),
        "L. Smith, N. Topin. Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates,"
        " 2018",
        "https://arxiv.org/abs/1708.07120",
        when="one_cycle",
    ),
    Method(
        N_("label smoothing"),
        N_("the target of the true class is a little less than 1; the rest is shared by all classes"),
        "C. Szegedy et al. Rethinking the Inception Architecture for Computer Vision, 2015",
        "https://arxiv.org/abs/1512.00567",
    ),
    Method(
        N_("dropout"),
        N_("activations chosen at random are set to zero while a network is trained"),
        "N. Srivastava et al. Dropout: A Simple Way to Prevent Neural Networks from Overfitting. Journal of "
        "Machine Learning Research 15, 2014",
        "https://jmlr.org/papers/v15/srivastava14a.html",
    ),
    Method(
        N_("cutout"),
        N_("a random square of each training image is blacked out"),
        "T. DeVries, G. Taylor. Improved Regularization of Convolutional Neural Networks with Cutout, 2017",
        "https://arxiv.org/abs/1708.04552",
        when="cutout",
    ),
    Method(
        N_("batch normalisation"),
        N_("brings the activations of a layer to zero mean and unit variance over a batch"),
        "S. Ioffe, C. Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing Internal "
        "Covariate Shift, 2015",
        "https://arxiv.org/abs/1502.03167",
    ),
    Method(
        N_("residual connection"),
        N_("adds the input of a block to its output"),
        "K. He, X. Zhang, S. Ren, J. Sun. Deep Residual Learning for Image Recognition, 2015",
        "https://arxiv.org/abs/1512.03385",
        when="residual",
    ),
    Method(
        N_("Grad-CAM"),
        N_(
            "weights the feature maps of a layer by the gradient of the predicted class, which shows where the "
            "evidence for it lies"
        ),
        "R. Selvaraju et al. Grad-CAM: Visual Explanations from Deep Networks via Gradient-Based Localization, "
        "2017",
        "https://arxiv.org/abs/1610.02391",
    ),
    Method(
        N_("t-SNE"),
        N_("draws points on a plane so that close ones stay close"),
        "L. van der Maaten, G. Hinton. Visualizing Data Using t-SNE. Journal of Machine Learning Research 9, 2008",
        "https://www.jmlr.org/papers/v9/vandermaaten08a.html",
    ),
    Method(
        N_("Optuna"),
        N_("a library that proposes trials, watches them and stops poor ones early"),
        "T. Akiba et al. Optuna: A Next-Generation Hyperparameter Optimization Framework, 2019",
        "https://arxiv.org/abs/1907.10902",
        when="search",
    ),
    Method(
        N_("TPE"),
        N_("the tree-structured Parzen estimator proposes values where earlier trials went well"),
        "J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl. Algorithms for Hyper-Parameter Optimization, 2011",
        "https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization",
        when="search",
    ),
    Method(
        N_("fANOVA"),
        N_("shares the variance of the accuracy out among the hyperparameters"),
        "F. Hutter, H. Hoos, K. Leyton-Brown. An Efficient Approach for Assessing Hyperparameter Importance, 2014",
        "https://proceedings.mlr.press/v32/hutter14.html",
        when="importance",
    ),
)  # fmt: skip

# The links from the assignment, in its order.
ASSIGNMENT = (
    Reference(
        "greyscale", "Transfer Learning on Greyscale Images",
        "https://towardsdatascience.com/transfer-learning-on-greyscale-images-how-to-fine-tune-pretrained-models-on-"
        "black-and-white-9a5150755c7a", "towardsdatascience.com",
    ),
    Reference("explainer", "CNN Explainer", "https://poloclub.github.io/cnn-explainer/",
           "poloclub.github.io/cnn-explainer"),
    Reference("vgg_video", "VGG16 Neural Network Visualization", "https://www.youtube.com/watch?v=RNnKtNrsrmg",
           "youtube.com"),
    Reference("convolution_1", "Сверточная нейронная сеть, часть 1", "https://habr.com/ru/articles/348000/",
           "habr.com/ru/articles/348000", "ru"),
    Reference("convolution_2", "Сверточная нейронная сеть, часть 2", "https://habr.com/ru/articles/348028/",
           "habr.com/ru/articles/348028", "ru"),
    Reference(
        "hyperparameters", "Classification of Neural Network Hyperparameters",
        "https://towardsdatascience.com/classification-of-neural-network-hyperparameters-c7991b6937c3",
        "towardsdatascience.com",
    ),
)  # fmt: skip
FASHION_MNIST = Reference(
    "fashion_mnist", "H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
    "Learning Algorithms, 2017", "https://arxiv.org/abs/1708.07747", "arXiv:1708.07747",
)  # fmt: skip

# Publications of each module's networks: authors, title, year and arXiv number.
PAPERS = {
    "vgg16": ("K. Simonyan, A. Zisserman", "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
              "1409.1556"),
    "resnet": ("K. He, X. Zhang, S. Ren, J. Sun", "Deep Residual Learning for Image Recognition", 2015, "1512.03385"),
    "resnet_v2": ("K. He, X. Zhang, S. Ren, J. Sun", "Identity Mappings in Deep Residual Networks", 2016,
                  "1603.05027"),
    "mobilenet": ("A. Howard et al.", "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
                  "Applications", 2017, "1704.04861"),
    "mobilenet_v2": ("M. Sandler et al.", "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
                     "1801.04381"),
    "mobilenet_v3": ("A. Howard et al.", "Searching for MobileNetV3", 2019, "1905.02244"),
    "densenet": ("G. Huang, Z. Liu, L. van der Maaten, K. Weinberger", "Densely Connected Convolutional Networks", 2016,
                 "1608.06993"),
    "inception_v3": ("C. Szegedy et al.", "Rethinking the Inception Architecture for Computer Vision", 2015,
                     "1512.00567"),
    "inception_resnet_v2": ("C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi", "Inception-v4, Inception-ResNet and the "
                            "Impact of Residual Connections on Learning", 2016, "1602.07261"),
    "xception": ("F. Chollet", "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, "1610.02357"),
    "nasnet": ("B. Zoph, V. Vasudevan, J. Shlens, Q. Le", "Learning Transferable Architectures for Scalable Image "
               "Recognition", 2017, "1707.07012"),
    "efficientnet": ("M. Tan, Q. Le", "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
                     "1905.11946"),
    "efficientnet_v2": ("M. Tan, Q. Le", "EfficientNetV2: Smaller Models and Faster Training", 2021, "2104.00298"),
    "convnext": ("Z. Liu et al.", "A ConvNet for the 2020s", 2022, "2201.03545"),
}  # fmt: skip


def find_paper(backbone: str) -> tuple[str, str, int, str]:
    """Return a network's paper, as in PAPERS."""
    return PAPERS["vgg16" if backbone.startswith("VGG") else MODULES[backbone]]


def list_references(methods: typing.Sequence[Method], fashion: bool, backbone: str) -> list[Reference]:
    """List the references of a report: the assignment's, data and base, then those of its methods."""
    authors, title, year, number = find_paper(backbone)
    base = Reference("base", f"{authors}. {title}, {year}", f"https://arxiv.org/abs/{number}", f"arXiv:{number}")
    own = [_reference_of(method) for method in methods if method.source]
    return [*ASSIGNMENT, *([FASHION_MNIST] if fashion else []), base, *own]


def _reference_of(method: Method) -> Reference:
    place = method.address.removeprefix("https://").removeprefix("www.").rstrip("/")
    for start, short in (("doi.org/", "doi:"), ("arxiv.org/abs/", "arXiv:")):
        place = short + place.removeprefix(start) if place.startswith(start) else place
    return Reference(method.term, method.source, method.address, urllib.parse.unquote(place))
