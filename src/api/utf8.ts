/**
 * How many bytes from the start can become text on their own: all but an
 * unfinished character, or a carriage return whose line feed may follow, at
 * the end. Bytes that are no text at all count as finished.
 */
export function textLength(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    return needs(byte) > back ? length - back : withoutReturn(bytes);
  }
  return length;
}

function withoutReturn(bytes: Uint8Array): number {
  return bytes[bytes.length - 1] === 0x0d ? bytes.length - 1 : bytes.length;
}

/** How many bytes a character that begins like this has. */
function needs(first: number): number {
  if (first >= 0xf0 && first <= 0xf4) return 4;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xc2 && first < 0xe0) return 2;
  return 1;
}
