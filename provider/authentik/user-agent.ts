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

/** The source in a User-Agent of this package; `undefined` if another program sent the request. */
export function parseSource(userAgent: string | undefined): string | undefined {
  return parseComment(userAgent)?.replace(/(?:^|; )[0-9a-f]+$/, "");
}

/** The nonce in a User-Agent of this package; `undefined` if another program sent the request. */
export function parseNonce(userAgent: string | undefined): string | undefined {
  return /(?:^|; )([0-9a-f]+)$/.exec(parseComment(userAgent) ?? "")?.[1];
}

function parseComment(userAgent = ""): string | undefined {
  const match = /^pulumi-authentik-invitations\/\S+ node\/\S+(?: \((.*)\))?$/.exec(userAgent);
  return match === null ? undefined : (match[1] ?? "");
}
