/** A setting that exposes the token or the invitations, with the URL to which they are sent. */
export interface ExposingSetting {
  readonly url: string;
  /** The setting or the variable. */
  readonly source: string;
}

export function cleartextWarning({ url, source }: ExposingSetting): string {
  return `${source} uses http to another machine (${new URL(url).host}), which sends the token and the invitations unencrypted. Use https.`;
}

export function insecureWarning({ url, source }: ExposingSetting): string {
  return `${source} accepts any TLS certificate, so whoever can intercept the connection to ${new URL(url).host} can read the token and the invitations. Set NODE_EXTRA_CA_CERTS to the certificate of its authority instead.`;
}
