const { version } = require("../../package.json") as { version: string };

const product = `pulumi-authentik-invitations/${version} node/${process.versions.node}`;

/**
 * The User-Agent of a request: `pulumi-authentik-invitations/{version} node/{version} ({source}; {nonce})`. authentik stores it with every event
 * that the request causes, so that the nonce identifies what a request did, and the source identifies who sent it.
 */
export function formatUserAgent(source: string, nonce: string): string {
  // Header values are Latin-1. Pulumi allows nothing else in project and stack names, but does not validate those of inline programs.
  return `${product} (${[source, nonce]
    .filter((part) => part !== "")
    .join("; ")
    .replaceAll(/[^\w.;/ -]/g, "_")})`;
}

/** The source and the nonce in a User-Agent of this package; empty if another program sent the request. */
export function parseUserAgent(userAgent = ""): { source?: string | undefined; nonce?: string | undefined } {
  const match = /^pulumi-authentik-invitations\/\S+ node\/\S+(?: \((.*)\))?$/.exec(userAgent);
  if (match === null) return {};
  const [, source, nonce] = /^(.*?)(?:(?:^|; )([0-9a-f]+))?$/.exec(match[1] ?? "") ?? [];
  return { source, nonce };
}
