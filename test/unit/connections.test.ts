import "./support/environment";
import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { type Connection, connect, retrieveInvitation } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { configureWith, resetHttpMocks } from "./support/http-mocks";
import { nock } from "./support/nock";
import { notFoundBody, pk } from "./support/response-bodies";

type Settings = Record<string, string>;

const url = "https://authentik.test";
const token = "t0ken";
const staging = "https://staging.test";
const complete = { "authentik:url": url, "authentik:token": token };
const stagingSettings = { "authentik-staging:url": staging, "authentik-staging:token": "other" };
const environment = { AUTHENTIK_URL: url, AUTHENTIK_TOKEN: token };

/** Settings of which names in capitals are environment variables. */
async function configure(settings: Settings): Promise<void> {
  const isVariable = ([name]: [string, string]): boolean => name.startsWith("AUTHENTIK");
  const entries = Object.entries(settings);
  Object.assign(process.env, Object.fromEntries(entries.filter(isVariable)));
  await configureWith(invitationProvider, Object.fromEntries(entries.filter((entry) => !isVariable(entry))));
}

/** Returns the message of the error that `connect` throws: one line, without a stack. */
function getConnectError(name?: string): string {
  try {
    connect(name);
  } catch (error) {
    if (error instanceof Error) {
      expect(error.stack).toBe("");
      expect(error.message).toMatch(/^\S.*\.$/);
      return error.message;
    }
  }
  throw new Error("Expected connect to throw.");
}

/** Sends a request through the connection and returns the headers of that request. */
async function getSentHeaders(connection: Connection, origin = url): Promise<Record<string, string>> {
  const received: Headers[] = [];
  nock(origin)
    .get(/\/api\/v3\//)
    .reply((request: Request) => {
      received.push(request.headers);
      return [404, notFoundBody, { "content-type": "application/json" }];
    });
  await catchError(retrieveInvitation(connection.client, pk));
  if (received[0] === undefined) throw new Error("Expected a request.");
  return Object.fromEntries(received[0]);
}

beforeEach(async () => {
  resetHttpMocks();
  for (const name of ["AUTHENTIK_URL", "AUTHENTIK_TOKEN", "AUTHENTIK_INSECURE"]) delete process.env[name];
  await configureWith(invitationProvider, {});
});

const missing = {
  url: "authentik's URL is not set. Set it with `pulumi config set authentik:url https://authentik.example.com` or in AUTHENTIK_URL.",
  token:
    "authentik's API token is not set. Set it with `pulumi config set --secret authentik:token …` or in AUTHENTIK_TOKEN.",
};
const notAUrl = "authentik:url is not a URL. Use the form https://authentik.example.com.";
const badToken = "is not an API token: it must be printable ASCII without spaces.";
const credentials = "must not contain a username or password, because Pulumi stores it in plaintext. Use";
const path = "Set it with `pulumi config set --secret --path 'authentik:headers.X-My-Header' …`.";
const badHeaders = `authentik:headers must be a JSON object of valid HTTP header names and string values. ${path}`;

test.each<[Settings, string]>([
  [{}, missing.url],
  [{ AUTHENTIK_URL: "" }, missing.url],
  [{ "authentik:url": url }, missing.token],
  ...["authentik.example.com", ""].map((invalid): [Settings, string] => [
    { ...complete, "authentik:url": invalid },
    notAUrl,
  ]),
  [
    { ...complete, "authentik:url": "https://me:hunter2@example.com" },
    `authentik:url ${credentials} authentik:headers.`,
  ],
  [{ AUTHENTIK_URL: "localhost:9000" }, "AUTHENTIK_URL must start with https:// (or http://)."],
  ...["two words", "line\nbreak", "naïve", "   ", "Bearer abc"].map((invalid): [Settings, string] => [
    { ...complete, "authentik:token": invalid },
    `authentik:token ${badToken}`,
  ]),
  [{ "authentik:url": url, AUTHENTIK_TOKEN: "two words" }, `AUTHENTIK_TOKEN ${badToken}`],
  ...["maybe", "2", "on"].map((insecure): [Settings, string] => [
    { ...complete, "authentik:insecure": insecure },
    "authentik:insecure must be true or false.",
  ]),
  [{ ...complete, AUTHENTIK_INSECURE: "maybe" }, "AUTHENTIK_INSECURE must be true or false."],
  [
    { ...complete, "authentik:headers": "X-A: s3cret" },
    `authentik:headers must be a JSON object of header names and values. ${path}`,
  ],
  ...['["s3cret"]', '{"X-A": 7}', '{"X A": "s3cret"}', '{"X-A": "s3cret\\r\\nX-B: 1"}'].map(
    (headers): [Settings, string] => [{ ...complete, "authentik:headers": headers }, badHeaders],
  ),
  ..."Authorization HOST content-length User-Agent keep-alive upgrade expect"
    .split(" ")
    .map((header): [Settings, string] => [
      { ...complete, "authentik:headers": `{"${header}": "s3cret"}` },
      `authentik:headers must not set ${header}, which is a reserved header.`,
    ]),
])("the settings %j are reported before a request is sent, without repeating a value", async (settings, message) => {
  await configure(settings);
  expect(getConnectError()).toBe(message);
});

test.each<[Settings, string]>([
  // It is not read from the environment.
  [
    {},
    "authentik's URL is not set. Set it with `pulumi config set authentik-staging:url https://authentik.example.com`.",
  ],
  [
    { "authentik-staging:url": staging },
    "authentik's API token is not set. Set it with `pulumi config set --secret authentik-staging:token …`.",
  ],
  [
    { ...stagingSettings, "authentik-staging:publicUrl": "https://a:b@id.example.com" },
    `authentik-staging:publicUrl ${credentials} authentik-staging:headers.`,
  ],
  [
    { ...stagingSettings, "authentik-staging:publicUrl": "id.example.com" },
    "authentik-staging:publicUrl is not a URL. Use the form https://authentik.example.com.",
  ],
])("the settings of a named connection %j are reported", async (settings, message) => {
  await configure({ ...environment, ...settings });
  expect(getConnectError("authentik-staging")).toBe(message);
});

describe("settings", () => {
  const headers = '{"X-Proxy-Key": "s3cret", "cf-access-client-id": "id", "Proxy-Authorization": "Bearer eyJ"}';
  const other = { AUTHENTIK_URL: "https://other.test", AUTHENTIK_TOKEN: "other" };
  const spaces = {
    "authentik:url": ` ${url}/api/v3/\n`,
    "authentik:token": ` ${token}\n`,
    "authentik:insecure": " true\n",
  };

  test.each<[string, Settings, Record<string, string>]>([
    ["of the default connection are read from the environment", { ...environment, AUTHENTIK_URL: `${url}/` }, {}],
    ["in Pulumi's configuration take precedence over the environment", { ...complete, ...other }, {}],
    [
      "can come partly from the configuration and partly from the environment",
      { "authentik:url": url, AUTHENTIK_TOKEN: "other" },
      { authorization: "Bearer other" },
    ],
    ["are trimmed", spaces, {}],
    [
      // Identity-Aware Proxy of Google Cloud requires the last one.
      "include headers, which are sent with each request",
      { ...complete, "authentik:headers": headers },
      { "x-proxy-key": "s3cret", "cf-access-client-id": "id", "proxy-authorization": "Bearer eyJ" },
    ],
  ])("%s", async (_case, settings, expected) => {
    await configure(settings);
    expect(await getSentHeaders(connect())).toMatchObject({ authorization: `Bearer ${token}`, ...expected });
  });

  test("of a named connection are read from its namespace", async () => {
    await configure({ ...complete, ...stagingSettings });
    const sent = await getSentHeaders(connect("authentik-staging"), staging);
    expect(sent).toMatchObject({ authorization: "Bearer other" });
  });

  test("include publicUrl, the base URL of links", async () => {
    await configure(complete);
    expect(connect().publicUrl).toBe(url);
    await configure({ ...complete, "authentik:publicUrl": " https://id.example.com/sso/ " });
    expect(connect()).toMatchObject({ url, publicUrl: "https://id.example.com/sso" });
  });

  test.each(["true", "TRUE", "1", "yes", "false", "0", "no", ""])("can include insecure: %j", async (insecure) => {
    await configure({ ...complete, "authentik:insecure": insecure });
    expect(() => connect()).not.toThrow();
  });
});

describe("an error names the setting that was used", () => {
  async function catchReadError(connection: Connection, status: number, body: object, origin: string): Promise<string> {
    nock(origin)
      .get(/\/api\/v3\//)
      .times(2)
      .reply(status, body, { "content-type": "application/json" });
    return (await catchError(retrieveInvitation(connection.client, pk))).message;
  }

  test.each<[number, object, string]>([
    [403, { detail: "Token invalid/expired" }, "set it with `pulumi config set --secret authentik-staging:token …`."],
    [
      403,
      { message: "No API key found" },
      "Check authentik-staging:headers (the headers that it requires), authentik-staging:url,",
    ],
  ])("of a named connection: %d %j", async (status, body, hint) => {
    await configure({ ...environment, ...stagingSettings });
    const message = await catchReadError(connect("authentik-staging"), status, body, staging);
    expect(message).toContain(hint);
    expect(message).not.toMatch(/AUTHENTIK_|authentik:/);
  });

  test("or the environment variable", async () => {
    await configure(environment);
    const denied = await catchReadError(connect(), 403, { detail: "Token invalid/expired" }, url);
    expect(denied).toContain("set it in AUTHENTIK_TOKEN.");
    expect(denied).not.toContain("authentik:");
    expect(await catchReadError(connect(), 404, { error: "x" }, url)).toContain("Check AUTHENTIK_URL, its path,");
  });

  test("if no connection can be established", async () => {
    const refused = "http://127.0.0.1:1";
    await configure({ "eu:url": refused, "eu:token": token, AUTHENTIK_URL: refused, AUTHENTIK_TOKEN: token });
    const errors = await Promise.all(
      ["eu", "authentik"].map((name) => catchError(retrieveInvitation(connect(name).client, pk))),
    );
    for (const [index, source] of ["eu:url", "AUTHENTIK_URL"].entries())
      expect(errors[index]?.message).toMatch(new RegExp(`: E[A-Z]+\\. Check ${source}, that the server is running`));
  }, 30_000);
});

test("a connection is opened once missing settings are set, shared, and opened again after the configuration changed", async () => {
  getConnectError();
  await configure(environment);
  const before = connect();
  expect(connect("authentik")).toBe(before);
  await configure(environment);
  expect(connect()).not.toBe(before);
});
