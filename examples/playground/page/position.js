// Where in a text something is. The component counts bytes of UTF-8, a text field counts UTF-16
// units, and people count lines and characters.

/** The index in UTF-16 units of a byte offset; one inside a character is that character's. */
export function indexOfByte(text, byteOffset) {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    bytes += utf8Length(character.codePointAt(0));
    if (bytes > byteOffset) return index;
    index += character.length;
  }
  return index;
}

/** Line and column of an index, both from 1, the column in characters. */
export function lineAndColumn(text, index) {
  const before = text.slice(0, index);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.split("\n").length;
  return { line, column: [...before.slice(lineStart)].length + 1 };
}

/** How much to mark from an index on: a word, or one character, or nothing at the end of a line. */
export function lengthOfMark(text, index) {
  const rest = text.slice(index, index + 80);
  const word = /^[\p{L}\p{N}_$]+/u.exec(rest);
  if (word) return word[0].length;
  if (rest === "" || rest[0] === "\n") return 0;
  return String.fromCodePoint(rest.codePointAt(0)).length;
}

function utf8Length(codePoint) {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  // Half of a pair counts as the replacement character, which is what encoding makes of it.
  return codePoint < 0x10000 ? 3 : 4;
}
