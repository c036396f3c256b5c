/** A value as it arrives on the other side of the engine. Throws for a value that cannot be sent. */
export function overTheWire<T>(value: T): T {
  assertSendable(value, "");
  return JSON.parse(JSON.stringify(value)) as T;
}

function assertSendable(value: unknown, path: string): void {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "string") {
    if (/\p{Cs}/u.test(value)) throw new Error(`The engine cannot send an unpaired surrogate (${path}).`);
    return;
  }
  if (typeof value === "number" && Number.isFinite(value)) return;
  const isPlain =
    typeof value === "object" &&
    (Array.isArray(value) || Object.getPrototypeOf(Object.getPrototypeOf(value) ?? Object.create(null)) === null);
  if (!isPlain) throw new Error(`The engine cannot send ${typeof value} (${path}).`);
  for (const [key, item] of Object.entries(value as object)) {
    if (key === "__proto__") throw new Error(`The engine drops the key __proto__ (${path}).`);
    assertSendable(item, `${path}.${key}`);
  }
}
