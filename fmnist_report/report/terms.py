"""What classes, hyperparameters and their values are called in the report."""

from fmnist_report.messages import N_

CLASS_NAMES = (
    N_("T-shirt"), N_("Trousers"), N_("Pullover"), N_("Dress"), N_("Coat"),
    N_("Sandals"), N_("Shirt"), N_("Sneakers"), N_("Bag"), N_("Ankle boots"),
)  # fmt: skip
ORIGINAL_CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FACTORS = {
    "channels": N_("channels"),
    "size": N_("side, pixels"),
    "resizing": N_("resizing"),
    "layers": N_("blocks of {backbone}"),
    "widths": N_("layer widths"),
    "width": N_("layer width"),
    "depth": N_("number of layers"),
    "first_width": N_("width of the first stage"),
    "last_width": N_("width of the later stages"),
    "kernel": N_("kernel"),
    "pooling": N_("pooling"),
    "epochs": N_("epochs"),
    "optimizer": N_("optimiser"),
    "learning_rate": N_("learning rate"),
    "schedule": N_("schedule"),
    "batch_size": N_("batch size"),
    "dropout": N_("dropout"),
    "weight_decay": N_("weight decay"),
    "label_smoothing": N_("label smoothing"),
    "unfreeze": N_("first block that is trained"),
    "easy_every": N_("easy pictures once in (epochs)"),
    "shift": N_("shift, pixels"),
    "cutout": N_("cutout, pixels"),
}
GROUPS = {
    "structure": N_("structure"),
    "optimisation": N_("learning and optimisation"),
    "regularisation": N_("regularisation"),
}
VALUES = {
    "imagenet_mean": N_("mean of each channel subtracted"),
    "expected": N_("as {backbone} expects it"),
    "one_mean": N_("one mean subtracted"),
    "no_mean": N_("no mean subtracted"),
    "divided": N_("divided by 255"),
    "learned": N_("learned 1 × 1 convolution"),
    "nearest": N_("nearest pixel"),
    "bilinear": N_("bilinear"),
    "bicubic": N_("bicubic"),
    "max": N_("maximum"),
    "average": N_("average"),
    "both": N_("average and maximum"),
    "none": N_("none"),
    "one_cycle": N_("one cycle"),
    "cosine": N_("cosine"),
    "constant": N_("constant"),
    "adamw": "AdamW",
    "muon": "Muon",
    "sgd": "SGD",
    "lion": "Lion",
}
