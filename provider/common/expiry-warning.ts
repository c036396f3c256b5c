const day = 86_400_000;

export function expiresWithinDay(expires: string): boolean {
  return Date.parse(expires) - Date.now() < day;
}

/**
 * The warning about a pending invitation that expires within a day. An invitation that was issued for a short time expires soon as intended, so it
 * has to have little of its life left.
 */
export function expiryWarning(
  { issuedAt, expires }: { readonly issuedAt: string; readonly expires: string },
  isSecret: boolean,
): string | undefined {
  const remaining = Date.parse(expires) - Date.now();
  const isShortLived = remaining > (Date.parse(expires) - Date.parse(issuedAt)) / 4;
  if (!expiresWithinDay(expires) || isShortLived) return undefined;
  return `the invitation expires within a day${isSecret ? "" : `, on ${expires}`}`;
}
