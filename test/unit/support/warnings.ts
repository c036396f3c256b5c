/** The provider reports drift with `console.warn`. */
const warn = jest.spyOn(console, "warn").mockImplementation();
const messages = (): string[] => warn.mock.calls.map(([line]) => String(line));

beforeEach(() => warn.mockClear());

/** The warnings of this test since the last call of {@link takeWarnings}. */
export { messages as warnings };

export function takeWarnings(): string[] {
  const taken = messages();
  warn.mockClear();
  return taken;
}
