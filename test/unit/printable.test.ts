import { toPrintableLine } from "../../provider/common/printable";

test.each([
  ["an escape sequence", "a\u001b[2Kb", "a [2Kb"],
  ["a line that a CI system would run as a command", "x\n::error::y", "x ::error::y"],
  ["a carriage return", "a\rb", "a b"],
  ["a character that reverses the text direction", "a\u202eb", "a b"],
  ["ordinary Unicode", "  Jané  日本 ", "Jané 日本"],
])("turns a string with %s into one printable line", (_case, value, expected) => {
  expect(toPrintableLine(value)).toBe(expected);
});
