import { isCleartext, isPrivate } from "./base-url";
import type { UrlSetting } from "./configuration";

/** The warnings about settings that expose the token or the invitations. `insecure` is the setting that accepts any TLS certificate, if one does. */
export function exposureWarnings({ url, source }: UrlSetting, insecure: string | undefined): string[] {
  const { host, protocol } = new URL(url);
  const warnings: string[] = [];
  if (isCleartext(url)) {
    warnings.push(
      `${source} uses http to another machine (${host}), which sends the token and the invitations unencrypted. Use https.`,
    );
  }
  if (insecure !== undefined && protocol === "https:") {
    warnings.push(
      `${insecure} accepts any TLS certificate, so whoever can intercept the connection to ${host} can read the token and the invitations. Set NODE_EXTRA_CA_CERTS to the certificate of its authority instead.`,
    );
  }
  return warnings;
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
