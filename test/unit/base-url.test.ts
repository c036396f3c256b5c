import fc from "fast-check";
import { isCleartext, isPrivate, parseBaseUrl } from "../../provider/common/base-url";
import { runs } from "../hostile/runs";

function parseProblem(value: string): string {
  const result = parseBaseUrl(value);
  return "problem" in result ? result.problem : "none";
}

describe("a valid URL", () => {
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
  ])("%j is normalized to %s", (value, url) => {
    expect(parseBaseUrl(value)).toEqual({ url });
  });

  test("is normalized regardless of trailing slashes and /api/v3", () => {
    const segment = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
    const suffixes = fc.constantFrom("", "/", "//", "/api/v3", "/api/v3/", "//api/v3//");
    fc.assert(
      fc.property(fc.domain(), fc.array(segment, { maxLength: 3 }), suffixes, (host, path, suffix) => {
        const url = `https://${[host, ...path].join("/")}`;
        expect(parseBaseUrl(url + suffix)).toEqual(parseBaseUrl(url));
        expect(parseBaseUrl(url + suffix)).toEqual({ url: expect.not.stringMatching(/\/$/) });
      }),
      runs(100),
    );
  });
});

describe("an invalid URL", () => {
  test.each([
    ["authentik.example.com", "is not a URL. Use the form https://authentik.example.com"],
    ["", "is not a URL. Use the form https://authentik.example.com"],
    ["https://", "is not a URL. Use the form https://authentik.example.com"],
    ["localhost:9000", "must start with https:// (or http://)"],
    ["ftp://authentik.example.com", "must start with https:// (or http://)"],
    ["https://authentik.example.com/?next=/", "must not contain a query (?…) or a fragment (#…)"],
    ["https://authentik.example.com/#/if/admin", "must not contain a query (?…) or a fragment (#…)"],
  ])("%j %s", (value, problem) => {
    expect(parseBaseUrl(value)).toEqual({ problem });
  });

  test.each(["https://user@example.com", "https://user:hunter2@example.com", "https://:hunter2@example.com"])(
    "%s must not contain credentials, and the error does not repeat them",
    (value) => {
      expect(parseProblem(value)).toMatch(/^must not contain a username or password/);
      expect(parseProblem(value)).not.toContain("hunter2");
    },
  );
});

describe("isCleartext", () => {
  test.each([
    "http://authentik.example.com",
    "http://192.168.0.7:9000",
    "http://128.0.0.1",
    "http://localhost.example",
  ])("is true for %s", (url) => {
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
  ])("is false for %s", (url) => {
    expect(isCleartext(url)).toBe(false);
  });
});

describe("isPrivate", () => {
  test.each([
    "http://localhost:9000",
    "https://authentik.localhost",
    "https://127.0.0.1",
    "https://[::1]:9443",
    "https://10.1.2.3",
    "https://172.16.0.1",
    "https://172.31.255.255",
    "https://192.168.0.7/sso",
    "https://169.254.1.1",
    "https://100.64.0.1",
    "https://[fd12:3456::1]",
    "https://[fe80::1]",
    "https://[::ffff:10.0.0.1]",
    "https://authentik",
    "https://authentik.",
    "http://authentik-server:9000",
    "https://authentik.local",
    "https://authentik.corp.internal",
    "https://authentik.home.arpa",
  ])("is true for %s", (url) => {
    expect(isPrivate(url)).toBe(true);
  });

  test.each([
    "https://authentik.example.com",
    "http://authentik.example.com:9000/sso",
    "https://8.8.8.8",
    "https://172.32.0.1",
    "https://192.169.0.1",
    "https://[2001:db8::1]",
    "https://local.example",
    "https://10.example.com",
  ])("is false for %s", (url) => {
    expect(isPrivate(url)).toBe(false);
  });
});
