import { formatUserAgent, parseUserAgent } from "../../provider/authentik/user-agent";

const { version } = require("../../package.json") as { version: string };
const product = `pulumi-authentik-invitations/${version} node/${process.versions.node}`;
const nonce = "0123456789ab";

test("a User-Agent consists of the versions of the package and Node.js, the source and the nonce", () => {
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(formatUserAgent("team/dev; 0123456789", nonce)).toBe(`${product} (team/dev; 0123456789; ${nonce})`);
  expect(formatUserAgent("team/dev", nonce)).toBe(`${product} (team/dev; ${nonce})`);
  expect(formatUserAgent("", nonce)).toBe(`${product} (${nonce})`);
});

test.each(["téam/dev", "team\r\nx-header: 1/dev", "team/dev) (x", "team/\u{1f600}", "team\\dev"])(
  "characters of %j that could break out of the header or its comment are replaced",
  (source) => {
    const userAgent = formatUserAgent(source, nonce);
    expect(userAgent).toMatch(/^[\x20-\x7e]+$/);
    expect(userAgent.match(/[()]/g)).toEqual(["(", ")"]);
    expect(userAgent.endsWith(`; ${nonce})`)).toBe(true);
  },
);

test.each(["", "team/dev", "team/dev; 0123456789", "dev", "My.Project_1/prod-eu; abcdef0123"])(
  "the source %j is parsed from the User-Agent",
  (source) => {
    expect(parseUserAgent(formatUserAgent(source, nonce)).source).toBe(source);
  },
);

test("the source of a version without origins is empty", () => {
  expect(parseUserAgent("pulumi-authentik-invitations/0.1.0 node/20.20.2").source).toBe("");
});

test.each([
  undefined,
  "",
  "Mozilla/5.0 (X11; Linux x86_64)",
  "goauthentik.io/terraform/2024.8",
  `Mozilla/5.0 ${product} (team/dev; ${nonce})`,
  "pulumi-authentik-invitations-fork/1.0 node/20.0.0 (team/dev; 01)",
])("the User-Agent %j of another program has no source", (userAgent) => {
  expect(parseUserAgent(userAgent).source).toBeUndefined();
});
