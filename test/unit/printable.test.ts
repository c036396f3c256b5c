import { toPrintableLine } from "../../provider/authentik/printable";

test.each([
  ["an escape sequence", "a\u001b[2Kb", "a [2Kb"],
  ["a line that a log's reader takes for a command", "x\n::error::y", "x ::error::y"],
  ["a carriage return", "a\rb", "a b"],
  ["what turns the direction of writing", "a\u202eb", "a b"],
  ["ordinary text", "  Jané  日本 ", "Jané 日本"],
])("a server's text becomes one harmless line: %s", (_what, text, expected) => {
  expect(toPrintableLine(text)).toBe(expected);
});
