const maxLocalPart = 64;
const maxDomain = 253;

/**
 * The addresses that the HTML standard accepts for `<input type="email">`, and those with other letters than ASCII (RFC 6531). Like Django's
 * validation, it requires a dot in the domain, except in `localhost`.
 */
const addressPattern = new RegExp(
  [
    "^(?<local>[\\p{L}\\p{M}\\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\\.[\\p{L}\\p{M}\\p{N}!#$%&'*+/=?^_`{|}~-]+)*)",
    "@(?<domain>localhost|[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N}-]{0,61}[\\p{L}\\p{M}\\p{N}])?",
    "(?:\\.[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N}-]{0,61}[\\p{L}\\p{M}\\p{N}])?)+)$",
  ].join(""),
  "u",
);

export function isAddress(value: string): boolean {
  if (value.length > maxLocalPart + 1 + maxDomain) return false;
  const { local, domain } = addressPattern.exec(value)?.groups ?? {};
  return local !== undefined && local.length <= maxLocalPart && domain !== undefined && domain.length <= maxDomain;
}

/** Addresses with equal keys reach the same mailbox. */
export function toAddressKey(address: string): string {
  return address.normalize("NFC").toLowerCase();
}
