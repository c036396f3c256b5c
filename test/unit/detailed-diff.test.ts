import { compareProperties } from "../../provider/plugin/detailed-diff";
import { secret } from "./support/secrets";

function paths(olds: Record<string, unknown>, news: Record<string, unknown>): string[] {
  return compareProperties(olds, news).map(({ kind, path }) => `${kind} ${path}`);
}

test("lists what was added, changed and removed, by path", () => {
  expect(paths({ a: 1, b: { c: [1, 2], d: true } }, { b: { c: [1, 3, 4] }, e: "x" })).toEqual([
    "delete a",
    "update b.c[1]",
    "add b.c[2]",
    "delete b.d",
    "add e",
  ]);
});

test("quotes keys that are no identifiers, as the engine parses them", () => {
  const entry = (team: string) => ({ invitations: { "ada@example.com": { fixedData: { 'a "b"': team } } } });
  expect(paths(entry("x"), entry("y"))).toEqual(['update invitations["ada@example.com"].fixedData["a \\"b\\""]']);
});

test("ignores hidden inputs, the order of keys, and properties that are null", () => {
  expect(paths({ __origin: "a", x: { a: 1, b: 2 }, y: null }, { __origin: "b", x: { b: 2, a: 1 } })).toEqual([]);
});

test("treats keys such as constructor as any other", () => {
  expect(paths({ x: {} }, { x: { constructor: 1 } })).toEqual(["add x.constructor"]);
});

test("lists a null that was added or removed inside a property", () => {
  expect(paths({ x: { a: null }, y: [null] }, { x: {}, y: [1] })).toEqual(["delete x.a", "update y[0]"]);
});

test("lists a secret as a whole, without the keys in it", () => {
  const olds = { x: { a: 1, b: { c: 2 } }, y: { d: 3 } };
  expect(paths(olds, { x: secret({ b: {} }), y: { d: secret({ e: 4 }), f: secret(5) } })).toEqual([
    "update x",
    "update y.d",
    "add y.f",
  ]);
  expect(paths(olds, { x: secret({ b: { c: 2 }, a: 1 }), y: { d: secret(3) } })).toEqual([]);
});
