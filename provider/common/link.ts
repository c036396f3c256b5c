/** The link that the invitee opens; `undefined` without a flow or a valid base URL. */
export function formatLink(baseUrl: string | undefined, flowSlug: string | undefined, pk: string): string | undefined {
  return flowSlug === undefined || baseUrl === undefined ? undefined : `${baseUrl}/if/flow/${flowSlug}/?itoken=${pk}`;
}
