"""The sentence of every claim, by its kind and relation, as messages of the catalogue."""

from fmnist_report.messages import N_

MESSAGES = {
    ("best", "above"): N_(
        "Of the single networks, {subject} is the most accurate, significantly more than each of the others: it "
        "classifies {accuracy} of the {n_test} correctly (95% CI {ci_low} to {ci_high})."),
    ("best", "unclear"): N_(
        "Of the single networks, {subject} has the highest test accuracy: it classifies {accuracy} of the {n_test} "
        "correctly (95% CI {ci_low} to {ci_high}); its lead over {rivals} is not significant."),
    ("best", "tied"): N_(
        "Several single networks share the highest test accuracy, {accuracy} of the {n_test} (95% CI {ci_low} to "
        "{ci_high}): {subject}, {rivals}."),
    ("compare", "above"): N_(
        "{subject:Nominative} ({a}) is {difference} percentage points more accurate than {other} ({b}) "
        "(Holm-adjusted interval {low} to {high}; {p})."),
    ("compare", "below"): N_(
        "{subject:Nominative} ({a}) is {difference} percentage points less accurate than {other} ({b}) "
        "(Holm-adjusted interval {low} to {high}; {p})."),
    ("compare", "same"): N_(
        "{subject:Nominative} ({a}) and {other} ({b}) do not differ significantly in accuracy: the observed "
        "difference is {signed} percentage points (Holm-adjusted interval {low} to {high}; {p})."),
    ("ensemble", "above"): N_(
        "The weighted average of the networks’ probabilities ({a}) is significantly more accurate than each single "
        "network, without any further training: it is {difference} percentage points ahead of {other} ({b}), which has "
        "the highest test accuracy of them ({p})."),
    ("ensemble", "below"): N_(
        "The weighted average of the networks’ probabilities ({a}) is {difference} percentage points less accurate "
        "than {other} ({b}), which has the highest test accuracy of the single networks ({p})."),
    ("ensemble", "same"): N_(
        "The weighted average of the networks’ probabilities ({a}) brought no significant gain over {other} ({b}), "
        "which has the highest test accuracy of the single networks: the observed difference is {signed} percentage"
        " points ({p})."),
    ("ensemble", "partly"): N_(
        "The weighted average of the networks’ probabilities ({a}) is {difference} percentage points more accurate "
        "than {other} ({b}), which has the highest test accuracy of the single networks ({p}); its lead over "
        "{rivals} is not significant."),
    ("fine_tuning", "blocks"): N_(
        "Fine-tuning improved the accuracy of the dense head from which it starts from {b} to {a}, by {difference} "
        "percentage points (Holm-adjusted interval {low} to {high}; {p}); the head alone, trained further for as many "
        "epochs as fine-tuning at the same rate, reaches {control}, significantly less ({p_control}), which points to "
        "the unfrozen blocks."),
    ("fine_tuning", "augmented"): N_(
        "Fine-tuning improved the accuracy of the dense head from which it starts from {b} to {a}, by {difference} "
        "percentage points (Holm-adjusted interval {low} to {high}; {p}); the head alone, trained further for as many "
        "epochs as fine-tuning at the same rate, reaches {control}, significantly less ({p_control}), which points to "
        "the unfrozen blocks and the shifted or partly blacked-out images together: the head has neither."),
    ("fine_tuning", "epochs"): N_(
        "Fine-tuning raised the accuracy of the dense head from which it starts from {b} to {a}, by {difference} "
        "percentage points (Holm-adjusted interval {low} to {high}; {p}); it is not shown, however, that the unfrozen "
        "blocks bring this gain: the head alone, trained further for as many epochs as fine-tuning, reaches {control}, "
        "and the difference is not significant ({p_control})."),
    ("fine_tuning", "same"): N_(
        "Fine-tuning did not change the accuracy significantly: the dense head from which it starts reaches {b}, the "
        "fine-tuned network {a}, a difference of {signed} percentage points (Holm-adjusted interval {low} to {high}; "
        "{p}); the head alone, trained further for as many epochs as fine-tuning, reaches {control} ({p_control} "
        "against fine-tuning)."),
    ("fine_tuning", "below"): N_(
        "Fine-tuning lowered the accuracy of the dense head from which it starts from {b} to {a}, by {difference} "
        "percentage points (Holm-adjusted interval {low} to {high}; {p}); the head alone, trained further for as many "
        "epochs as fine-tuning, reaches {control} ({p_control} against fine-tuning)."),
    ("fine_tuning", "control"): N_(
        "Fine-tuning raised the accuracy of the dense head from which it starts from {b} to {a}, by {difference} "
        "percentage points (Holm-adjusted interval {low} to {high}; {p}), but the head alone, trained further for as "
        "many epochs as fine-tuning, reaches {control}, significantly more ({p_control})."),
    ("fit", "overfits"): N_(
        "{subject:Nominative} overfits: its validation loss (after temperature scaling) was lowest {moment} "
        "({loss_lowest}) and {loss_last} at the end, while it classifies {train} of the training images correctly, but "
        "only {val} of the validation images."),
    ("fit", "overfits_by_loss"): N_(
        "{subject:Nominative} overfits by its loss, but not by its accuracy: the validation loss (after temperature "
        "scaling) was lowest {moment} ({loss_lowest}) and {loss_last} at the end, while the validation accuracy rose "
        "from {val_then} to {val_last}; of the training images it classifies {train} correctly."),
    ("fit", "rose_by_loss"): N_(
        "The validation loss of {subject} (after temperature scaling) was lowest {moment} ({loss_lowest}) and "
        "{loss_last} at the end, while its validation accuracy rose from {val_then} to {val_last}; it is not "
        "significantly better on training images ({train}) than on validation images ({val})."),
    ("fit", "rose"): N_(
        "The validation loss of {subject} (after temperature scaling) was lowest {moment} ({loss_lowest}) and "
        "{loss_last} at the end, though the network is not significantly better on training images ({train}) than on "
        "validation images ({val})."),
    ("fit", "unlearned"): N_(
        "The validation loss of {subject} (after temperature scaling) was lowest {moment} ({loss_lowest}) and "
        "{loss_last} at the end; on training images its accuracy is {train}, less than that of the head from which it "
        "starts ({start})."),
    ("fit", "gap"): N_(
        "{subject:Nominative} shows a sign of overfitting: it is more accurate on training images ({train} of the "
        "first {n_clean}) than on validation images ({val}); its validation loss (after temperature scaling) was "
        "{loss_lowest} at its lowest, {moment}, and {loss_last} at the end."),
    ("fit", "gap_last"): N_(
        "{subject:Nominative} shows a sign of overfitting: it is more accurate on training images ({train} of the "
        "first {n_clean}) than on validation images ({val}); its validation loss (after temperature scaling) was "
        "lowest at the end ({loss_last})."),
    ("fit", "gap_alone"): N_(
        "{subject:Nominative} shows a sign of overfitting: it is more accurate on training images ({train} of the "
        "first {n_clean}) than on validation images ({val})."),
    ("fit", "even"): N_(
        "{subject:Nominative} shows no sign of overfitting: its accuracy on training images ({train} of the first "
        "{n_clean}) is not significantly higher than on validation images ({val}), and its validation loss (after "
        "temperature scaling) was {loss_lowest} at its lowest and {loss_last} at the end."),
    ("fit", "even_alone"): N_(
        "{subject:Nominative} shows no sign of overfitting: it is not significantly more accurate on training images "
        "({train} of the first {n_clean}) than on validation images ({val})."),
    ("fit", "short"): N_(
        "{subject:Nominative} reaches {train} on training images (the first {n_clean}) and {val} on validation "
        "images; so few epochs do not tell whether it overfits."),
    ("effects", "named"): N_(
        "In short training runs of {network} ({n_steps} each, {n_seeds}) these changes moved the cross-entropy by more "
        "than seed-to-seed variation (±{half_loss}), in the same direction after four times as many steps, and no full "
        "training run contradicts them: {losses}. Lower is better."),
    ("effects", "none"): N_(
        "In short training runs of {network} ({n_steps} each, {n_seeds}) no change is shown to move the cross-entropy "
        "by more than seed-to-seed variation (±{half_loss}) in a direction that longer and full training runs "
        "confirm."),
    ("own_runs", "both"): N_(
        "Of {n_changes} of the settings of {network}, each tried in full training runs, these made it better on "
        "validation than the chosen settings, beyond seed-to-seed variation: {better}; these made it worse: {worse}."),
    ("own_runs", "better"): N_(
        "Of {n_changes} of the settings of {network}, each tried in full training runs, these made it better on "
        "validation than the chosen settings, beyond seed-to-seed variation: {better}; none made it worse."),
    ("own_runs", "worse"): N_(
        "Of {n_changes} of the settings of {network}, each tried in full training runs, none made it better on "
        "validation than the chosen settings, beyond seed-to-seed variation; these made it worse: {worse}."),
    ("own_runs", "none"): N_(
        "Of {n_changes} of the settings of {network}, each tried in full training runs, none made it better or worse "
        "on validation than the chosen settings, beyond seed-to-seed variation."),
    ("own_runs", "single"): N_(
        "Of {n_changes} of the settings of {network}, each was tried in one full training run, so it is not known "
        "which differences from the chosen settings exceed seed-to-seed variation."),
    ("in_full", "both"): N_(
        "In full training runs of {network} by the authors of the program with one change at a time ({n_changes}) "
        "these made it better on validation, beyond seed-to-seed variation: {better}; these made it worse: {worse}."),
    ("in_full", "better"): N_(
        "In full training runs of {network} by the authors of the program with one change at a time ({n_changes}) "
        "these made it better on validation, beyond seed-to-seed variation: {better}; none made it worse."),
    ("in_full", "worse"): N_(
        "In full training runs of {network} by the authors of the program with one change at a time ({n_changes}) "
        "none made it better on validation, beyond seed-to-seed variation; these made it worse: {worse}."),
    ("in_full", "none"): N_(
        "In full training runs of {network} by the authors of the program with one change at a time ({n_changes}) "
        "none made it better or worse on validation, beyond seed-to-seed variation."),
    ("ablation", "raised"): N_(
        "In the short trainings of the study, up to the step “{upto}” the validation accuracy rose from {bottom} to "
        "{top}; seed-to-seed variation is ±{half_width} percentage points a step, and beyond it are: {steps}."),
    ("ablation", "lowered"): N_(
        "In the short trainings of the study, up to the step “{upto}” the validation accuracy fell from {bottom} to "
        "{top}; seed-to-seed variation is ±{half_width} percentage points a step, and beyond it are: {steps}."),
    ("ablation", "same"): N_(
        "In the short trainings of the study the lowest step ({bottom}) and “{upto}” ({top}) differ by no more than "
        "the seed-to-seed variation of ±{half_width} percentage points; single steps beyond it: {steps}."),
    ("ablation", "raised_unnamed"): N_(
        "In the short trainings of the study, up to the step “{upto}” the validation accuracy rose from {bottom} to "
        "{top}, but at no single step by more than the seed-to-seed variation of ±{half_width} percentage points."),
    ("ablation", "lowered_unnamed"): N_(
        "In the short trainings of the study, up to the step “{upto}” the validation accuracy fell from {bottom} to "
        "{top}, but at no single step by more than the seed-to-seed variation of ±{half_width} percentage points."),
    ("ablation", "same_unnamed"): N_(
        "In the short trainings of the study the lowest step ({bottom}) and “{upto}” ({top}) differ by no more than "
        "the seed-to-seed variation of ±{half_width} percentage points, and no single step adds or takes more than "
        "that."),
    ("ablation_peak", "stated"): N_(
        "Of the steps up to “{upto}” the validation accuracy was highest at {highest_at}: {highest}, against {top} at"
        " “{upto}” (selected post hoc, not tested)."),
    ("ablation_left", "stated"): N_(
        "Steps of the ablation left out of account, because so short a training ({n_steps}) tells little: "
        "{components}."),
    ("errors", "one"): N_(
        "{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of {n_class}); it confuses "
        "{class_a} and {class_b} most often ({count} in both directions)."),
    ("errors", "one_tied"): N_(
        "{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of {n_class})."),
    ("errors", "several_tied"): N_(
        "{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of each)."),
    ("errors", "several"): N_(
        "{subject:Nominative} misclassifies images of {classes} most often ({n_errors} of each); it confuses "
        "{class_a} and {class_b} most often ({count} in both directions)."),
    ("chosen_classifier", "highest"): N_(
        "Of the classifiers on the frozen features, {subject} was chosen for the highest validation accuracy ({val});"
        " it is the network “{chosen}” of this report."),
    ("chosen_classifier", "tied"): N_(
        "Of the classifiers on the frozen features, {subject} was chosen, which is the network “{chosen}” of this "
        "report; others with the same validation accuracy ({val}): {rivals}."),
    ("calibration", "differ"): N_(
        "Of the expected calibration errors of the single networks the lowest is {error_low} ({lowest}), the highest "
        "{error_high} ({highest_of}). With a temperature fitted on the validation set they range from {scaled_low} to "
        "{scaled_high}."),
    ("calibration", "not_ranked"): N_(
        "The expected calibration errors of the single networks range from {error_low} to {error_high}; they are "
        "not ranked, because label smoothing of different strength shifts them. With a temperature fitted on the "
        "validation set they range from {scaled_low} to {scaled_high}."),
    ("calibration", "equal"): N_(
        "The expected calibration errors of all networks agree to three decimal places ({error_low})."),
    ("val_minus_test", "all"): N_(
        "All networks are more accurate on validation than on test, by {least} to {most} percentage points, each "
        "significantly (Newcombe’s 95% interval). Both the choice of settings on validation and the images that happen "
        "to be in the two parts can cause this; the other intervals in this report do not include it."),
    ("val_minus_test", "some"): N_(
        "The accuracy on validation differs from that on test by {low} to {high} percentage points (validation minus "
        "test); by Newcombe’s 95% interval, without correction for the number of networks, the validation accuracy is "
        "significantly higher only for: {models}. Both the choice of settings on validation and the images that happen "
        "to be in the two parts can cause this."),
    ("val_minus_test", "none"): N_(
        "For no network is the accuracy on validation significantly higher than on test (validation minus test: "
        "{low} to {high} percentage points)."),
    ("val_minus_test", "none_all_higher"): N_(
        "All networks are more accurate on validation than on test, by {least} to {most} percentage points; for none "
        "of them alone is the difference significant (Newcombe’s 95% interval). Both the choice of settings on "
        "validation and the images that happen to be in the two parts can cause this."),
    ("advice", "adopt"): N_(
        "Adopt what made {subject} better in full training runs, and repeat the report with it: {better}."),
    ("advice", "regularise"): N_(
        "Regularise {subject} more strongly or stop its training earlier: the validation loss (after temperature "
        "scaling) was lowest {moment} and rose again."),
    ("advice", "regularise_by_loss"): N_(
        "Regularise {subject} more strongly: the validation loss (after temperature scaling) was lowest {moment} and "
        "rose again, although the validation accuracy rose too."),
    ("advice", "shorten"): N_(
        "Train {subject} for fewer epochs or at a lower rate: the validation loss (after temperature scaling) was "
        "lowest {moment} and rose again."),
    ("advice", "enlarge_early"): N_(
        "Enlarge {subject}: the accuracies on training images ({train}) and on validation images ({val}) do not differ "
        "significantly, and the validation loss (after temperature scaling) was lowest {moment}."),
    ("advice", "unfreeze_early"): N_(
        "Unfreeze more blocks of {backbone} or enlarge its input: the accuracies of {subject} on training images "
        "({train}) and on validation images ({val}) do not differ significantly, and the validation loss (after "
        "temperature scaling) was lowest {moment}."),
    ("advice", "input_early"): N_(
        "Enlarge the input of {backbone}: the accuracies of {subject} on training images ({train}) and on validation "
        "images ({val}) do not differ significantly, and the validation loss (after temperature scaling) was lowest "
        "{moment}."),
    ("advice", "pretrained_early"): N_(
        "Fine-tune {backbone} from pixels and with stronger augmentation, which cached activations do not allow: the "
        "accuracy of {subject} is higher on training images ({train}) than on validation images ({val}), and the "
        "validation loss (after temperature scaling) was lowest {moment}."),
    ("advice", "longer_own"): N_(
        "Train {subject} longer, or enlarge it: the accuracies on training images ({train}) and on validation images "
        "({val}) do not differ significantly, and the validation loss (after temperature scaling) ended near its "
        "lowest value."),
    ("advice", "longer_pretrained"): N_(
        "Train {subject} for more epochs, unfreeze more blocks of {backbone} or enlarge its input: the accuracies on "
        "training images ({train}) and on validation images ({val}) do not differ significantly, and the validation "
        "loss (after temperature scaling) ended near its lowest value."),
    ("advice", "longer_input"): N_(
        "Train {subject} for more epochs or enlarge its input: the accuracies on training images ({train}) and on "
        "validation images ({val}) do not differ significantly, and the validation loss (after temperature scaling) "
        "ended near its lowest value."),
    ("advice", "repeat"): N_(
        "Try in full training runs what short ones found better: “{factor}” = {value} for {subject} lowered the "
        "cross-entropy there by {loss_gain} (picked from {n_tried}, so probably an overestimate)."),
    ("advice", "generalise_own"): N_(
        "Regularise {subject} more strongly, or augment its training images more, and train it longer: the accuracy is "
        "higher on training images ({train}) than on validation images ({val}), while the validation loss (after "
        "temperature scaling) ended near its lowest value."),
    ("advice", "generalise_early"): N_(
        "Regularise {subject} more strongly, or augment its training images more: the accuracy is higher on training "
        "images ({train}) than on validation images ({val}), and the validation loss (after temperature scaling) was "
        "lowest {moment}."),
    ("advice", "generalise_pretrained"): N_(
        "Fine-tune {backbone} longer, from pixels and with stronger augmentation, which cached activations do not "
        "allow: the accuracy of {subject} is higher on training images ({train}) than on validation images ({val}), "
        "while the validation loss (after temperature scaling) ended near its lowest value."),
    ("advice", "repeat_seeds"): N_(
        "Repeat with further seeds what short and full training runs found better: “{factor}” = {value} for {subject} "
        "reached {own} on validation, the chosen settings {base}."),
    ("extremes", "differ"): N_("Highest: {highest_of} with {a}; lowest: {lowest} with {b}."),
    ("extremes", "equal"): N_("All models reach the same accuracy, {a}."),
    ("last_epoch", "ahead"): N_("After the last epoch {subject} is ahead on validation: {a} against {b}."),
    ("last_epoch", "equal"): N_("After the last epoch these networks are equal on validation: {rivals} ({a})."),
    ("ways_of_input", "chosen"): N_("None of the other ways is better than the chosen one ({a})."),
    ("ways_of_input", "within"): N_(
        "The best, {ways}, reaches {b}, the chosen way {a}; by Newcombe’s interval for independent samples the "
        "difference is not significant."),
    ("ways_of_input", "within_tied"): N_(
        "The best, {ways}, reach {b} each, the chosen way {a}; by Newcombe’s interval for independent samples "
        "the difference is not significant."),
    ("ways_of_input", "beyond"): N_("The best, {ways}, reaches {b}, the chosen way {a}."),
    ("ways_of_input", "beyond_tied"): N_("The best, {ways}, reach {b} each, the chosen way {a}."),
    ("first_classifier", "beyond"): N_(
        "{subject:Nominative} is {difference} percentage points ahead of the runner-up, {other}."),
    ("first_classifier", "within"): N_(
        "{subject:Nominative} is {difference} percentage points ahead of the runner-up, {other}; by Newcombe’s "
        "interval for independent samples the difference is not significant."),
    ("first_classifier", "equal"): N_("First place is shared: {rivals}."),
    ("unfreezing", "stated"): N_(
        "Validation accuracy was {before} before unfreezing and {after} after it; the head alone, trained for as "
        "many further epochs, reached {control}."),
    ("strongest", "named"): N_("The largest effect on cross-entropy: {largest}."),
    ("strongest", "none"): N_("No effect is confirmed."),
    ("confused", "stated"): N_("Most often confused, errors in both directions: {pairs}."),
    ("evidence", "stated"): N_("{maps}"),
    ("hardest", "same"): N_("All networks misclassify more images of {classes} than of any other class."),
    ("hardest", "by_network"): N_("The class with the most misclassified images: {of}."),
    ("dear_and_cheap", "above"): N_(
        "{subject:Nominative} needs {ratio} times as many operations as {other} and is {difference} percentage "
        "points more accurate."),
    ("dear_and_cheap", "below"): N_(
        "{subject:Nominative} needs {ratio} times as many operations as {other} and is {difference} percentage "
        "points less accurate."),
    ("dear_and_cheap", "same"): N_(
        "{subject:Nominative} needs {ratio} times as many operations as {other} and does not differ from it "
        "significantly in accuracy: the observed difference is {signed} percentage points."),
    ("why_convolution", "neighbours"): N_(
        "A convolution looks at neighbouring pixels together, a perceptron is given separate numbers. With the pixels"
        " of all images in another order, the same for all, the accuracy of {subject} falls in short training runs "
        "from {whole} to {permuted} ({change} points; {change_low} to {change_high}), while that of {other} goes from"
        " {whole_other} to {permuted_other}."),
    ("where_gain", "stated"): N_(
        "Against {other}, {subject} saves most errors between {class_a} and {class_b}: {n_own} in place of {n_other},"
        " which are {n_saved} of the {n_saved_all} errors saved between all pairs of classes."),
    ("why_confused", "alike"): N_(
        "What is confused looks alike: the more alike the average images of two classes, the more often the networks "
        "confuse them ({n_pairs} pairs of classes; Spearman’s rank correlation {correlation}; Mantel’s test, {p})."),
    ("why_blocks", "earlier"): N_(
        "Block {block} of {backbone} serves best: a linear classifier on its mean outputs is right for {of_block} of "
        "the validation images, on those of block {last_block} for {of_last} ({p}). The first blocks have only simple"
        " features, and few; the last was trained to tell the classes of ImageNet apart and works at the coarsest "
        "resolution. Which of the two weighs more, the measurement does not tell."),
    ("why_fine_tuning", "little"): N_(
        "Fine-tuning adapts the last block to these classes: a linear classifier on its mean outputs rises from "
        "{of_last} to {of_last_tuned} on validation. The whole network changes less, by {gain} points on test, "
        "because its head has read better blocks from the beginning (block {block}: {of_block})."),
    ("why_fine_tuning", "last"): N_(
        "Fine-tuning adapts the last block to these classes: a linear classifier on its mean outputs rises from "
        "{of_last} to {of_last_tuned} on validation."),
    ("lesson_of_convolution", "neighbours"): N_(
        "It matters which pixels are neighbours: {subject} is {difference} percentage points more accurate than "
        "{other}, and with permuted pixels its accuracy changes by {change} points."),
    ("lesson_of_convolution", "above"): N_(
        "{subject:Nominative} is {difference} percentage points more accurate than {other}."),
    ("lesson_of_convolution", "same"): N_(
        "That {subject} is more accurate than {other} is not shown."),
    ("lesson_of_convolution", "below"): N_(
        "{subject:Nominative} is {difference} percentage points less accurate than {other}, so it was not the "
        "architecture that decided here."),
    ("lesson_of_features", "stated"): N_(
        "Unchanged filters of {backbone}, learned from photographs, suffice for {a}: {against_first} points against "
        "the perceptron ({p}) and {against_second} against {other} ({p_second})."),
    ("lesson_of_transfer", "above"): N_(
        "After fine-tuning, {subject} is {difference} points more accurate than {other} ({p}), with {ratio} times as "
        "many operations."),
    ("lesson_of_transfer", "same"): N_(
        "After fine-tuning, the difference between {subject} and {other} is not significant ({signed} points; {p}), "
        "with {ratio} times as many operations."),
    ("lesson_of_transfer", "below"): N_(
        "After fine-tuning, {subject} is {difference} points less accurate than {other} ({p}), with {ratio} times as "
        "many operations."),
    ("choice", "alone"): N_(
        "For use, {subject} is the choice: it is significantly more accurate than every other single network."),
    ("choice", "best"): N_(
        "For use, {subject} is the choice: no single network is more accurate, and of those that do not differ from "
        "it significantly none needs fewer operations."),
    ("choice", "cheaper"): N_(
        "For use, {subject} is the choice: {other} is not significantly more accurate and needs {ratio} times as many"
        " operations."),
    ("reference", "above"): N_(
        "Ridge regression on random convolutional features, in which nothing was chosen, is more accurate on "
        "validation than on test as well, by {difference} percentage points (95% interval {low} to {high}): this much "
        "comes from the images of the two parts and not from any choice."),
    ("reference", "same"): N_(
        "Ridge regression on random convolutional features, in which nothing was chosen, does not differ significantly "
        "between validation and test: the observed difference is {signed} percentage points (95% interval {low} to "
        "{high})."),
    ("reference", "below"): N_(
        "Ridge regression on random convolutional features, in which nothing was chosen, is less accurate on "
        "validation than on test, by {difference} percentage points (95% interval {low} to {high}): the validation "
        "images are the harder ones."),
}  # fmt: skip

# When a validation loss was lowest; fine-tuning begins with that of the head.
BEFORE, AFTER = N_("before fine-tuning"), N_("after epoch {epoch} of {epochs}")
