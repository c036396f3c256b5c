import { isPrivate } from "./base-url";

/** A setting or a variable, with the URL that it is about. */
export interface UrlSetting {
  readonly url: string;
  /** The setting or the variable. */
  readonly source: string;
}

export function cleartextWarning({ url, source }: UrlSetting): string {
  return `${source} uses http to another machine (${new URL(url).host}), which sends the token and the invitations unencrypted. Use https.`;
}

export function insecureWarning({ url, source }: UrlSetting): string {
  return `${source} accepts any TLS certificate, so whoever can intercept the connection to ${new URL(url).host} can read the token and the invitations. Set NODE_EXTRA_CA_CERTS to the certificate of its authority instead.`;
}

/** The warning about links whose host may be reachable only from the local network. */
export function linkHostWarning({ url, source }: UrlSetting, publicUrlSetting: string): string | undefined {
  if (!isPrivate(url)) return undefined;
  return `${source} is ${url}, so links to invitations have the host ${new URL(url).host}, which invitees may not be able to open. Set ${publicUrlSetting} to the URL under which invitees reach authentik.`;
}

/** The warning about links in authentik's emails, which have no path. */
export function emailedLinkWarning({ url, source }: UrlSetting): string | undefined {
  const { pathname } = new URL(url);
  if (pathname === "/") return undefined;
  return `${source} has the path ${pathname}, which authentik leaves out of the links in its emails. Send the output link instead of setting email.`;
}
