import fc from "fast-check";
import { isCleartext, parseBaseUrl } from "../../provider/common/base-url";

function problemOf(text: string): string {
  const address = parseBaseUrl(text);
  return "problem" in address ? address.problem : "none";
}

describe("an address that authentik has", () => {
  test.each([
    ["https://authentik.example.com", "https://authentik.example.com"],
    ["https://authentik.example.com/", "https://authentik.example.com"],
    ["https://authentik.example.com///", "https://authentik.example.com"],
    ["https://authentik.example.com/api/v3", "https://authentik.example.com"],
    ["https://authentik.example.com/api/v3/", "https://authentik.example.com"],
    ["https://example.com/sso", "https://example.com/sso"],
    ["https://example.com/sso/", "https://example.com/sso"],
    ["https://example.com/sso/api/v3/", "https://example.com/sso"],
    ["https://example.com//api/v3/", "https://example.com"],
    ["  https://authentik.example.com\n", "https://authentik.example.com"],
    ["HTTPS://Authentik.Example.COM", "https://authentik.example.com"],
    ["http://localhost:9000", "http://localhost:9000"],
    ["https://example.com:443", "https://example.com"],
    ["https://[::1]:9443/", "https://[::1]:9443"],
    ["https://example.com/api/v33", "https://example.com/api/v33"],
  ])("%j is %s", (text, url) => {
    expect(parseBaseUrl(text)).toEqual({ url });
  });

  test("is read the same when it is read again", () => {
    const segment = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
    const end = fc.constantFrom("", "/", "//", "/api/v3", "/api/v3/", "//api/v3//");
    fc.assert(
      fc.property(fc.domain(), fc.array(segment, { maxLength: 3 }), end, (host, path, tail) => {
        const url = `https://${[host, ...path].join("/")}`;
        expect(parseBaseUrl(url + tail)).toEqual(parseBaseUrl(url));
        expect(parseBaseUrl(url + tail)).toEqual({ url: expect.not.stringMatching(/\/$/) });
      }),
    );
  });
});

describe("an address that is refused", () => {
  test.each([
    ["authentik.example.com", "is no URL: it must look like https://authentik.example.com"],
    ["", "is no URL: it must look like https://authentik.example.com"],
    ["https://", "is no URL: it must look like https://authentik.example.com"],
    ["localhost:9000", "must begin with https:// (or http://)"],
    ["ftp://authentik.example.com", "must begin with https:// (or http://)"],
    ["https://authentik.example.com/?next=/", "must not hold a query (?…) or a fragment (#…)"],
    ["https://authentik.example.com/#/if/admin", "must not hold a query (?…) or a fragment (#…)"],
  ])("%j %s", (text, problem) => {
    expect(parseBaseUrl(text)).toEqual({ problem });
  });

  test.each(["https://user@example.com", "https://user:hunter2@example.com", "https://:hunter2@example.com"])(
    "%s holds credentials, which are not repeated",
    (text) => {
      expect(problemOf(text)).toMatch(/^must not hold a user name or password/);
      expect(problemOf(text)).not.toContain("hunter2");
    },
  );
});

describe("what can be read on the way", () => {
  test.each([
    "http://authentik.example.com",
    "http://192.168.0.7:9000",
    "http://128.0.0.1",
    "http://localhost.example",
  ])("%s can", (url) => {
    expect(isCleartext(url)).toBe(true);
  });

  test.each([
    "https://authentik.example.com",
    "http://localhost:9000",
    "http://authentik.localhost",
    "http://127.0.0.1:9000",
    "http://127.1.2.3",
    "http://[::1]:9000",
    "https://[::1]",
  ])("%s cannot", (url) => {
    expect(isCleartext(url)).toBe(false);
  });
});
