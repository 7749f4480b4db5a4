"""Detection of the blocks of a convolutional network; a block works at one resolution."""

import functools
import math
import typing

import keras
from keras import layers

EXPANSION = 4  # a layer wider than others by this factor belongs to the next block
POOLING = (layers.MaxPooling2D, layers.AveragePooling2D)


class _Passage(typing.NamedTuple):
    """An operation's row, its output side, and the number of tensors and values that later operations read."""

    side: int
    row: int
    n_tensors: int
    n_values: int


class Graph:
    """A base's operations in order; sets of operations are bit masks.

    parents: the rows of the inputs of each operation.
    above: each operation and all its ancestors.
    """

    def __init__(self, operations: list) -> None:
        self.operations = operations
        rows = {id(tensor): row for row, op in enumerate(operations) for tensor in keras.tree.flatten(op.output)}
        self.parents = [
            [rows[id(tensor)] for tensor in keras.tree.flatten(op.input) if id(tensor) in rows] for op in operations
        ]
        self.above: list[int] = []
        self.readers = [0] * len(operations)
        for row, parents in enumerate(self.parents):
            self.above.append(functools.reduce(lambda found, parent: found | self.above[parent], parents, 1 << row))
            for parent in parents:
                self.readers[parent] |= 1 << row

    def crossing(self, end: int) -> list[int]:
        """Return the operations up to end, end first, whose outputs are still needed after it."""
        above = self.above[end]
        read = [row for row in range(end) if above >> row & 1 and self.readers[row] & ~above]
        return [end, *reversed(read)]

    def find_ends(self) -> list[int]:
        """Return the last operation of each block, in order.

        A block ends with the pooling that reduces the resolution or, if a strided convolution does so, before it: at
        the last operation after which only one narrow tensor, or as few as possible, is still needed.
        """
        entering = keras.tree.flatten(self.operations[0].input)[0].shape[1]
        levels: list[list[_Passage]] = []  # passages by resolution, in order
        largest = math.inf
        for passage in sorted(self._passages(), key=lambda passage: (-passage.side, passage.row)):
            if passage.side < 0.75 * largest:  # ignore the few pixels lost to a convolution without padding
                levels.append([])
                largest = passage.side
            levels[-1].append(passage)
        for level in levels:
            level.sort(key=lambda passage: passage.row)
        ends, last = [], len(self.operations) - 1
        for level, following in zip(levels, levels[1:], strict=False):
            own = [passage for passage in level if passage.row not in ends]
            if self._is_pooling(following[0].row):
                ends.append(following[0].row)
            elif own and level[0].side < entering:  # until then, a network only scales its input
                fewest = min(passage.n_tensors for passage in own)
                own = [passage for passage in own if passage.n_tensors == fewest]
                narrowest = min(passage.n_values for passage in own)
                ends.append(max(passage.row for passage in own if passage.n_values < EXPANSION * narrowest))
        return [end for end in ends if end < last and self.above[last] >> end & 1] + [last]

    def _passages(self) -> typing.Iterator[_Passage]:
        """Yield the operations after which no tensor of a higher resolution is needed."""
        for row, operation in enumerate(self.operations):
            if not isinstance(operation, layers.ZeroPadding2D):
                shapes = [self.operations[crossed].output.shape[1:] for crossed in self.crossing(row)]
                side = shapes[0][0]
                if len(shapes[0]) == 3 and all(shape[0] <= side for shape in shapes):
                    yield _Passage(side, row, len(shapes), sum(math.prod(shape) for shape in shapes))

    def _is_pooling(self, row: int) -> bool:
        return isinstance(self.operations[row], POOLING)

    def before_pooling(self, row: int) -> int:
        """Return the last operation before the pooling at a block's end, or the end itself."""
        while isinstance(self.operations[row], (*POOLING, layers.ZeroPadding2D)):
            row = max(self.parents[row])
        return row
