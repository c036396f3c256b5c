/**
 * authentik's address in one form, from what people write: with or without a slash at the end, with or without `/api/v3`.
 * Gives the address, or the reason why it is none. Both the program (for links) and the provider process read it.
 */
export function readAddress(text: string): { url: string } | { problem: string } {
  if (!URL.canParse(text.trim())) return { problem: "is no URL: it must look like https://authentik.example.com" };
  const url = new URL(text.trim());
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return { problem: "must begin with https:// (or http://)" };
  if (url.username || url.password) {
    return { problem: "must not hold a user name or password: Pulumi keeps it in clear; use authentik:headers" };
  }
  if (url.search || url.hash) return { problem: "must not hold a query (?…) or a fragment (#…)" };
  const path = url.pathname.replace(/\/+$/, "").replace(/\/+api\/v3$/, "");
  return { url: `${url.origin}${path}` };
}

/** Whether what is sent there can be read on the way: plain HTTP that leaves this machine. */
export function isReadableOnTheWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isLoopback =
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname);
  return protocol === "http:" && !isLoopback;
}

/** Configuration namespace of resources that name none. Only this one may come from `AUTHENTIK_…` variables. */
export const defaultConnection = "authentik";
