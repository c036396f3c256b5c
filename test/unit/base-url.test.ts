import fc from "fast-check";
import { isCleartext, isPrivate, parseBaseUrl } from "../../provider/common/base-url";
import { runs } from "../hostile/runs";

const plain = "https://authentik.example.com";

test.each<readonly [string, string]>([
  ...["", "/", "///", "/api/v3", "/api/v3/"].map((suffix) => [plain + suffix, plain] as const),
  ...["", "/", "/api/v3/"].map((suffix) => [`https://example.com/sso${suffix}`, "https://example.com/sso"] as const),
  ["https://example.com//api/v3/", "https://example.com"],
  ["  https://authentik.example.com\n", plain],
  ["HTTPS://Authentik.Example.COM", plain],
  ["http://localhost:9000", "http://localhost:9000"],
  ["https://example.com:443", "https://example.com"],
  ["https://[::1]:9443/", "https://[::1]:9443"],
  ["https://example.com/api/v33", "https://example.com/api/v33"],
])("the URL %j is normalized to %s", (value, url) => {
  expect(parseBaseUrl(value)).toEqual({ url });
});

test("a URL is normalized regardless of trailing slashes and /api/v3", () => {
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

const notAUrl = "is not a URL. Use the form https://authentik.example.com";
const parameters = "must not contain a query (?…) or a fragment (#…)";
// They are not repeated.
const credentials = expect.stringMatching(/^must not contain a username or password(?!.*hunter2)/);

test.each([
  ["authentik.example.com", notAUrl],
  ["", notAUrl],
  ["https://", notAUrl],
  ["localhost:9000", "must start with https:// (or http://)"],
  ["ftp://authentik.example.com", "must start with https:// (or http://)"],
  [`${plain}/?next=/`, parameters],
  [`${plain}/#/if/admin`, parameters],
  ["https://user@example.com", credentials],
  ["https://user:hunter2@example.com", credentials],
  ["https://:hunter2@example.com", credentials],
])("the URL %j is rejected", (value, problem) => {
  expect(parseBaseUrl(value)).toEqual({ problem });
});

test.each([
  [true, "http://authentik.example.com http://192.168.0.7:9000 http://128.0.0.1 http://localhost.example"],
  [false, "https://authentik.example.com http://localhost:9000 http://authentik.localhost http://127.0.0.1:9000"],
  [false, "http://127.1.2.3 http://[::1]:9000 https://[::1]"],
])("isCleartext is %j for %s", (expected, urls) => {
  for (const url of urls.split(" ")) expect([url, isCleartext(url)]).toEqual([url, expected]);
});

test.each([
  [true, "http://localhost:9000 https://authentik.localhost https://127.0.0.1 https://[::1]:9443 https://10.1.2.3"],
  [true, "https://172.16.0.1 https://172.31.255.255 https://192.168.0.7/sso https://169.254.1.1 https://100.64.0.1"],
  [true, "https://[fd12:3456::1] https://[fe80::1] https://[::ffff:10.0.0.1] https://authentik https://authentik."],
  [true, "http://authentik-server:9000 https://authentik.local https://authentik.corp.internal"],
  [true, "https://authentik.home.arpa"],
  [false, "https://authentik.example.com http://authentik.example.com:9000/sso https://8.8.8.8 https://172.32.0.1"],
  [false, "https://192.169.0.1 https://[2001:db8::1] https://local.example https://10.example.com"],
])("isPrivate is %j for %s", (expected, urls) => {
  for (const url of urls.split(" ")) expect([url, isPrivate(url)]).toEqual([url, expected]);
});
