import "./support/environment";
import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { type Connection, connect, retrieveInvitation } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { configureWith, resetHttpMocks } from "./support/http-mocks";
import { nock } from "./support/nock";
import { notFoundBody, pk } from "./support/response-bodies";
import { findFreePort } from "./support/server";

const url = "https://authentik.test";
const token = "t0ken";

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
async function getSentHeaders(connection: Connection, origin = url): Promise<Headers> {
  const received: Headers[] = [];
  nock(origin)
    .get(/\/api\/v3\//)
    .reply((request: Request) => {
      received.push(request.headers);
      return [404, notFoundBody, { "content-type": "application/json" }];
    });
  await catchError(retrieveInvitation(connection.client, pk));
  const [headers] = received;
  if (headers === undefined) throw new Error("Expected a request.");
  return headers;
}

beforeEach(async () => {
  resetHttpMocks();
  for (const name of ["AUTHENTIK_URL", "AUTHENTIK_TOKEN", "AUTHENTIK_INSECURE"]) delete process.env[name];
  await configureWith(invitationProvider, {});
});

describe("a missing setting", () => {
  test("is reported for the URL", () => {
    expect(getConnectError()).toBe(
      "authentik's URL is not set. Set it with `pulumi config set authentik:url https://authentik.example.com` or in AUTHENTIK_URL.",
    );
  });

  test("is reported for the token", async () => {
    await configureWith(invitationProvider, { "authentik:url": url });
    expect(getConnectError()).toBe(
      "authentik's API token is not set. Set it with `pulumi config set --secret authentik:token …` or in AUTHENTIK_TOKEN.",
    );
  });

  test("of a named connection is not read from the environment", async () => {
    process.env["AUTHENTIK_URL"] = url;
    process.env["AUTHENTIK_TOKEN"] = token;
    expect(getConnectError("authentik-staging")).toBe(
      "authentik's URL is not set. Set it with `pulumi config set authentik-staging:url https://authentik.example.com`.",
    );
    await configureWith(invitationProvider, { "authentik-staging:url": url });
    expect(getConnectError("authentik-staging")).toBe(
      "authentik's API token is not set. Set it with `pulumi config set --secret authentik-staging:token …`.",
    );
  });

  test("can also be an empty environment variable", () => {
    process.env["AUTHENTIK_URL"] = "";
    expect(getConnectError()).toMatch(/^authentik's URL is not set/);
  });
});

describe("an invalid setting", () => {
  test.each([
    ["authentik.example.com", "authentik:url is not a URL. Use the form https://authentik.example.com."],
    ["ftp://example.com", "authentik:url must start with https:// (or http://)."],
    ["https://example.com/?a", "authentik:url must not contain a query (?…) or a fragment (#…)."],
    [
      "https://me:hunter2@example.com",
      "authentik:url must not contain a username or password, because Pulumi stores it in plaintext. Use authentik:headers.",
    ],
    ["", "authentik:url is not a URL. Use the form https://authentik.example.com."],
  ])("is reported for the URL %j", async (invalidUrl, message) => {
    await configureWith(invitationProvider, { "authentik:url": invalidUrl, "authentik:token": token });
    expect(getConnectError()).toBe(message);
  });

  test("is reported as AUTHENTIK_URL if the URL comes from the environment", () => {
    process.env["AUTHENTIK_URL"] = "localhost:9000";
    expect(getConnectError()).toBe("AUTHENTIK_URL must start with https:// (or http://).");
  });

  test.each(["two words", "line\nbreak", "naïve", "   ", "Bearer abc"])(
    "is reported for the token %j, without repeating it",
    async (invalidToken) => {
      await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": invalidToken });
      const message = getConnectError();
      expect(message).toBe("authentik:token is not an API token: it must be printable ASCII without spaces.");
      expect(message).not.toContain(invalidToken.trim() || "\n");
    },
  );

  test("is reported as AUTHENTIK_TOKEN if the token comes from the environment", async () => {
    await configureWith(invitationProvider, { "authentik:url": url });
    process.env["AUTHENTIK_TOKEN"] = "two words";
    expect(getConnectError()).toBe("AUTHENTIK_TOKEN is not an API token: it must be printable ASCII without spaces.");
  });

  test("is reported for publicUrl", async () => {
    const settings = { "authentik-staging:url": url, "authentik-staging:token": token };
    await configureWith(invitationProvider, {
      ...settings,
      "authentik-staging:publicUrl": "https://a:b@id.example.com",
    });
    expect(getConnectError("authentik-staging")).toBe(
      "authentik-staging:publicUrl must not contain a username or password, because Pulumi stores it in plaintext. Use authentik-staging:headers.",
    );
    await configureWith(invitationProvider, { ...settings, "authentik-staging:publicUrl": "id.example.com" });
    expect(getConnectError("authentik-staging")).toMatch(/^authentik-staging:publicUrl is not a URL\. /);
  });

  test.each(["maybe", "2", "on"])("is reported for insecure %j", async (insecure) => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:insecure": insecure,
    });
    expect(getConnectError()).toBe("authentik:insecure must be true or false.");
  });

  test("is reported as AUTHENTIK_INSECURE if insecure comes from the environment", async () => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    process.env["AUTHENTIK_INSECURE"] = "maybe";
    expect(getConnectError()).toBe("AUTHENTIK_INSECURE must be true or false.");
  });

  const hint = "Set it with `pulumi config set --secret --path 'authentik:headers.X-My-Header' …`.";
  test.each([
    ["X-A: s3cret", `authentik:headers must be a JSON object of header names and values. ${hint}`],
    ['["s3cret"]', `authentik:headers must be a JSON object of valid HTTP header names and string values. ${hint}`],
    ['{"X-A": 7}', `authentik:headers must be a JSON object of valid HTTP header names and string values. ${hint}`],
    [
      '{"X A": "s3cret"}',
      `authentik:headers must be a JSON object of valid HTTP header names and string values. ${hint}`,
    ],
    [
      '{"X-A": "s3cret\\r\\nX-B: 1"}',
      `authentik:headers must be a JSON object of valid HTTP header names and string values. ${hint}`,
    ],
    ['{"Authorization": "s3cret"}', "authentik:headers must not set Authorization, which is a reserved header."],
    ['{"HOST": "s3cret"}', "authentik:headers must not set HOST, which is a reserved header."],
    ['{"content-length": "7"}', "authentik:headers must not set content-length, which is a reserved header."],
  ])("is reported for the headers %j", async (headers, message) => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:headers": headers,
    });
    expect(getConnectError()).toBe(message);
    expect(getConnectError()).not.toContain("s3cret");
  });

  test.each(["User-Agent", "keep-alive", "upgrade", "expect"])(
    "is reported for the reserved header %s before any request is sent",
    async (header) => {
      await configureWith(invitationProvider, {
        "authentik:url": url,
        "authentik:token": token,
        "authentik:headers": JSON.stringify({ [header]: "x" }),
      });
      expect(getConnectError()).toBe(`authentik:headers must not set ${header}, which is a reserved header.`);
    },
  );
});

describe("settings", () => {
  test("of the default connection are read from the environment", async () => {
    process.env["AUTHENTIK_URL"] = `${url}/`;
    process.env["AUTHENTIK_TOKEN"] = token;
    const headers = await getSentHeaders(connect());
    expect(headers.get("authorization")).toBe(`Bearer ${token}`);
  });

  test("in Pulumi's configuration take precedence over the environment", async () => {
    process.env["AUTHENTIK_URL"] = "https://other.test";
    process.env["AUTHENTIK_TOKEN"] = "other";
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    const headers = await getSentHeaders(connect());
    expect(headers.get("authorization")).toBe(`Bearer ${token}`);
  });

  test("can come partly from the configuration and partly from the environment", async () => {
    process.env["AUTHENTIK_TOKEN"] = "other";
    await configureWith(invitationProvider, { "authentik:url": url });
    expect((await getSentHeaders(connect())).get("authorization")).toBe("Bearer other");
  });

  test("are trimmed", async () => {
    await configureWith(invitationProvider, {
      "authentik:url": ` ${url}/api/v3/\n`,
      "authentik:token": ` ${token}\n`,
      "authentik:insecure": " true\n",
    });
    expect((await getSentHeaders(connect())).get("authorization")).toBe(`Bearer ${token}`);
  });

  test("include publicUrl, the base URL of links", async () => {
    const settings = { "authentik:url": "https://10.0.0.5", "authentik:token": token };
    await configureWith(invitationProvider, settings);
    expect(connect().publicUrl).toBe("https://10.0.0.5");
    await configureWith(invitationProvider, { ...settings, "authentik:publicUrl": " https://id.example.com/sso/ " });
    expect(connect()).toMatchObject({ url: "https://10.0.0.5", publicUrl: "https://id.example.com/sso" });
  });

  test("of a named connection are read from its namespace", async () => {
    const staging = "https://staging.test";
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik-staging:url": staging,
      "authentik-staging:token": "other",
    });
    const headers = await getSentHeaders(connect("authentik-staging"), staging);
    expect(headers.get("authorization")).toBe("Bearer other");
  });

  test("include headers, which are sent with each request", async () => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:headers": '{"X-Proxy-Key": "s3cret", "cf-access-client-id": "id"}',
    });
    const headers = await getSentHeaders(connect());
    expect(headers.get("x-proxy-key")).toBe("s3cret");
    expect(headers.get("cf-access-client-id")).toBe("id");
  });

  test("include Proxy-Authorization, which Identity-Aware Proxy of Google Cloud requires", async () => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:headers": '{"Proxy-Authorization": "Bearer eyJ"}',
    });
    const headers = await getSentHeaders(connect());
    expect(headers.get("proxy-authorization")).toBe("Bearer eyJ");
    expect(headers.get("authorization")).toBe(`Bearer ${token}`);
  });

  test.each(["true", "TRUE", "1", "yes", "false", "0", "no", ""])("can include insecure: %j", async (insecure) => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:insecure": insecure,
    });
    expect(() => connect()).not.toThrow();
  });
});

describe("an error names the setting that was used", () => {
  const staging = "https://staging.test";
  const stagingSettings = { "authentik-staging:url": staging, "authentik-staging:token": "other" };
  const json = { "content-type": "application/json" };

  async function catchReadError(
    connection: Connection,
    status: number,
    body: object,
    origin = staging,
  ): Promise<string> {
    nock(origin)
      .get(/\/api\/v3\//)
      .times(2)
      .reply(status, body, json);
    return (await catchError(retrieveInvitation(connection.client, pk))).message;
  }

  test.each<[number, object, string]>([
    [403, { detail: "Token invalid/expired" }, "set it with `pulumi config set --secret authentik-staging:token …`."],
    [
      403,
      { message: "No API key found" },
      "Check authentik-staging:headers (the headers that it requires), authentik-staging:url,",
    ],
    [404, { message: "no Route matched" }, "Check authentik-staging:url, its path,"],
    [200, {}, "Update this package"],
    [302, {}, "Set authentik-staging:url to the URL of authentik itself."],
    [405, {}, "Either authentik-staging:url is wrong,"],
  ])("of a named connection: %d %j", async (status, body, hint) => {
    process.env["AUTHENTIK_URL"] = url;
    process.env["AUTHENTIK_TOKEN"] = token;
    await configureWith(invitationProvider, stagingSettings);
    const message = await catchReadError(connect("authentik-staging"), status, body);
    expect(message).toContain(hint);
    expect(message).not.toMatch(/AUTHENTIK_|authentik:/);
  });

  test("or the environment variable", async () => {
    process.env["AUTHENTIK_URL"] = url;
    process.env["AUTHENTIK_TOKEN"] = token;
    const denied = await catchReadError(connect(), 403, { detail: "Token invalid/expired" }, url);
    expect(denied).toContain("set it in AUTHENTIK_TOKEN.");
    expect(denied).not.toContain("authentik:");
    expect(await catchReadError(connect(), 404, { error: "x" }, url)).toContain("Check AUTHENTIK_URL, its path,");
  });

  test("if no connection can be established", async () => {
    const refused = `http://127.0.0.1:${await findFreePort()}`;
    await configureWith(invitationProvider, { "eu:url": refused, "eu:token": token });
    process.env["AUTHENTIK_URL"] = refused;
    process.env["AUTHENTIK_TOKEN"] = token;
    for (const [name, source] of [
      ["eu", "eu:url"],
      ["authentik", "AUTHENTIK_URL"],
    ] as const) {
      const { message } = await catchError(retrieveInvitation(connect(name).client, pk));
      expect(message).toMatch(new RegExp(`: E[A-Z]+\\. Check ${source}, that the server is running`));
    }
  }, 30_000);
});

describe("a connection", () => {
  test("is opened once, and shared", async () => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    expect(connect()).toBe(connect("authentik"));
  });

  test("is opened again after the configuration changed", async () => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    const before = connect();
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    expect(connect()).not.toBe(before);
  });

  test("can be opened once missing settings are set", async () => {
    getConnectError();
    process.env["AUTHENTIK_URL"] = url;
    process.env["AUTHENTIK_TOKEN"] = token;
    expect(() => connect()).not.toThrow();
  });
});
