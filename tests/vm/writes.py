"""What dm-log-writes kept (drivers/md/dm-log-writes.c): every write to a device, in order.

Numbers are little-endian. Block 0 holds the superblock, which says how many bytes a block has,
and each entry takes a block, followed by its data where it has some."""

import struct

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK, METADATA = 1, 2, 4, 8, 16


class Writes:
    def __init__(self, file):
        self.file = file
        file.seek(0)
        magic, version, self.count, self.block = struct.unpack("<QQQI", file.read(28))
        if magic != MAGIC or version != 1 or self.block < 512:
            raise ValueError("no log of dm-log-writes")

    def __iter__(self):
        """(flags, offset in bytes, bytes written or text of the mark)."""
        at = self.block
        for _ in range(self.count):
            self.file.seek(at)
            start, blocks, flags, length = struct.unpack("<QQQQ", self.file.read(32))
            at += self.block
            data = self.file.read(length) if flags & MARK else b""
            if not flags & (MARK | DISCARD):
                self.file.seek(at)
                data = self.file.read(blocks * self.block)
                at += blocks * self.block
            yield flags, start * self.block, data
