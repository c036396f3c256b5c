/** Tokens, pks and links of all servers of this process. */
const secrets = new Set<string>();

export function rememberToken(token: string): void {
  secrets.add(token);
}

/** A link contains the pk. */
export function rememberPk(pk: string): void {
  secrets.add(pk);
  secrets.add(pk.replaceAll("-", ""));
}

export function containsSecret(text: string): boolean {
  const lowerCase = text.toLowerCase();
  return [...secrets].some((secret) => lowerCase.includes(secret.toLowerCase()));
}
