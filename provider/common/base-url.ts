/** The default configuration namespace. Only this one falls back to the `AUTHENTIK_…` variables. */
export const defaultConnection = "authentik";

/**
 * Normalizes authentik's URL: with or without a trailing slash, with or without `/api/v3`. Returns the URL, or the reason why it is not valid.
 * The program (for links) and the provider process both use it.
 */
export function parseBaseUrl(value: string): { url: string } | { problem: string } {
  if (!URL.canParse(value.trim())) return { problem: "is not a URL. Use the form https://authentik.example.com" };
  const url = new URL(value.trim());
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return { problem: "must start with https:// (or http://)" };
  if (url.username || url.password) {
    return {
      problem: "must not contain a username or password, because Pulumi stores it in plaintext. Use authentik:headers",
    };
  }
  if (url.search || url.hash) return { problem: "must not contain a query (?…) or a fragment (#…)" };
  const path = url.pathname.replace(/\/+$/, "").replace(/\/+api\/v3$/, "");
  return { url: `${url.origin}${path}` };
}

/** Whether requests to this URL leave this machine unencrypted. */
export function isCleartext(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const isLoopback =
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname);
  return protocol === "http:" && !isLoopback;
}
