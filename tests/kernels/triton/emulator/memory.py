"""Global and shared memory: every access is checked, what was never written is NaN."""

from __future__ import annotations

import numpy as np

POISON = 0xFF  # in every byte: NaN in each floating-point format, -1 as an integer


class AccessError(Exception):
    """An access that the hardware would refuse, or perform wrongly without an error."""


class Memory:
    """Bytes of memory; subclasses decide which of them an access may touch."""

    def __init__(self, deterministic: bool = False) -> None:
        """deterministic: refuse lanes that store different values at one address.

        Which of them stays is not defined.
        """
        self.deterministic = deterministic
        self.bytes = np.zeros(0, np.uint8)

    def load(
        self, lanes: np.ndarray, addresses: np.ndarray, dtype: np.dtype, count: int
    ) -> np.ndarray:
        """Return `count` neighbouring numbers at each lane's address, [lanes, count]."""
        return self.bytes.view(dtype)[self._places(lanes, addresses, dtype, count)]

    def store(self, lanes: np.ndarray, addresses: np.ndarray, values: np.ndarray) -> None:
        """values [lanes, count] go to each lane's address."""
        places = self._places(lanes, addresses, values.dtype, values.shape[1])
        whole = self.bytes.view(values.dtype)
        whole[places] = values
        if self.deterministic and (whole[places] != values).any():
            raise AccessError("lanes store different values at one address")

    def _places(
        self, lanes: np.ndarray, addresses: np.ndarray, dtype: np.dtype, count: int
    ) -> np.ndarray:
        """Indices [lanes, count] into all memory, seen as this type."""
        dtype = np.dtype(dtype)
        size = dtype.itemsize * count
        crooked = addresses % size != 0
        if crooked.any():
            raise AccessError(f"address {addresses[crooked][0]} does not divide by {size}")
        first = self._located(lanes, addresses, size) // dtype.itemsize
        return first[:, None] + np.arange(count)

    def _located(self, lanes: np.ndarray, addresses: np.ndarray, size: int) -> np.ndarray:
        """The positions of these addresses in `bytes`; AccessError if bytes are out of bounds."""
        raise NotImplementedError


class GlobalMemory(Memory):
    """Named arrays, far enough apart that a step over the end meets no other."""

    GAP = 4096

    def __init__(self, deterministic: bool = False) -> None:
        super().__init__(deterministic)
        self.names: list[str] = []
        self.starts = np.zeros(0, np.int64)
        self.ends = np.zeros(0, np.int64)

    def place(self, name: str, data: np.ndarray, misalignment: int = 0) -> int:
        """The address of a copy of these bytes: a multiple of GAP, and so much more."""
        start = len(self.bytes) + self.GAP + misalignment
        self.names.append(name)
        self.starts = np.append(self.starts, start)
        self.ends = np.append(self.ends, start + len(data))
        before = np.full(self.GAP + misalignment, POISON, np.uint8)
        after = np.full(-(start + len(data)) % self.GAP, POISON, np.uint8)
        self.bytes = np.concatenate([self.bytes, before, data, after])
        return start

    def content(self, address: int) -> np.ndarray:
        """The bytes of the array at this address."""
        number = self.starts.tolist().index(address)
        return self.bytes[address : self.ends[number]]

    def _located(self, lanes: np.ndarray, addresses: np.ndarray, size: int) -> np.ndarray:
        number = np.searchsorted(self.starts, addresses, side="right") - 1
        wrong = (number < 0) | (addresses > self.ends[number] - size)
        if wrong.any():
            address, near = addresses[wrong][0], number[wrong][0]
            if near < 0:
                raise AccessError(f"{size} bytes at {address}, before all arguments")
            raise AccessError(
                f"{size} bytes at {address - self.starts[near]} of {self.names[near]}, "
                f"which has {self.ends[near] - self.starts[near]}"
            )
        return addresses


class SharedMemory(Memory):
    """Shared memory: each block has separate bytes at addresses from 0 to `size`."""

    def __init__(
        self, blocks: int, size: int, block_of_lane: np.ndarray, deterministic: bool = False
    ) -> None:
        super().__init__(deterministic)
        self.size = size
        self.stride = -(-size // 128) * 128
        self.block_of_lane = block_of_lane
        self.bytes = np.full(blocks * self.stride, POISON, np.uint8)

    def _located(self, lanes: np.ndarray, addresses: np.ndarray, size: int) -> np.ndarray:
        wrong = (addresses < 0) | (addresses > self.size - size)
        if wrong.any():
            raise AccessError(
                f"{size} bytes at {addresses[wrong][0]} of the {self.size} bytes of shared memory"
            )
        return addresses + self.block_of_lane[lanes] * self.stride
