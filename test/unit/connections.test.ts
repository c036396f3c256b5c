import "./support/environment";
import { retrieveInvitation } from "../../provider/authentik/invitations";
import { type Connection, connect } from "../../provider/lifecycle/engine/connections";
import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { gone, pk } from "./support/bodies";
import { clearExchanges, configureWith } from "./support/exchanges";
import { failureOf } from "./support/failure";
import { nock } from "./support/nock";

const url = "https://authentik.test";
const token = "t0ken";

/** The sentence with which a connection is refused. */
function refusal(name?: string): string {
  try {
    connect(name);
  } catch (error) {
    if (error instanceof Error) {
      expect(error.stack).toBe("");
      expect(error.message).toMatch(/^\S.*\.$/);
      return error.message;
    }
  }
  throw new Error("It was not refused.");
}

/** The headers of the one request that is made through the connection. */
async function headersThrough(connection: Connection, origin = url): Promise<Headers> {
  const seen: Headers[] = [];
  nock(origin)
    .get(/\/api\/v3\//)
    .reply((request: Request) => {
      seen.push(request.headers);
      return [404, gone, { "content-type": "application/json" }];
    });
  await failureOf(retrieveInvitation(connection.client, pk));
  const [headers] = seen;
  if (headers === undefined) throw new Error("Nothing was sent.");
  return headers;
}

beforeEach(async () => {
  clearExchanges();
  for (const name of ["AUTHENTIK_URL", "AUTHENTIK_TOKEN", "AUTHENTIK_INSECURE"]) delete process.env[name];
  await configureWith(invitationProvider, {});
});

describe("a setting that is missing", () => {
  test("the address", () => {
    expect(refusal()).toBe(
      "authentik's address is not set: set it with `pulumi config set authentik:url https://authentik.example.com` or in AUTHENTIK_URL.",
    );
  });

  test("the token", async () => {
    await configureWith(invitationProvider, { "authentik:url": url });
    expect(refusal()).toBe(
      "authentik's API token is not set: set it with `pulumi config set --secret authentik:token …` or in AUTHENTIK_TOKEN.",
    );
  });

  test("of another connection than the default is not looked for in the environment", async () => {
    process.env["AUTHENTIK_URL"] = url;
    process.env["AUTHENTIK_TOKEN"] = token;
    expect(refusal("authentik-staging")).toBe(
      "authentik's address is not set: set it with `pulumi config set authentik-staging:url https://authentik.example.com`.",
    );
    await configureWith(invitationProvider, { "authentik-staging:url": url });
    expect(refusal("authentik-staging")).toBe(
      "authentik's API token is not set: set it with `pulumi config set --secret authentik-staging:token …`.",
    );
  });

  test("an empty variable counts as missing", () => {
    process.env["AUTHENTIK_URL"] = "";
    expect(refusal()).toMatch(/^authentik's address is not set/);
  });
});

describe("a setting that is wrong", () => {
  test.each([
    ["authentik.example.com", "authentik:url is no URL: it must look like https://authentik.example.com."],
    ["ftp://example.com", "authentik:url must begin with https:// (or http://)."],
    ["https://example.com/?a", "authentik:url must not hold a query (?…) or a fragment (#…)."],
    [
      "https://me:hunter2@example.com",
      "authentik:url must not hold a user name or password: Pulumi keeps it in clear; use authentik:headers.",
    ],
    ["", "authentik:url is no URL: it must look like https://authentik.example.com."],
  ])("the address %j", async (address, sentence) => {
    await configureWith(invitationProvider, { "authentik:url": address, "authentik:token": token });
    expect(refusal()).toBe(sentence);
  });

  test("the address in the environment is named as such", () => {
    process.env["AUTHENTIK_URL"] = "localhost:9000";
    expect(refusal()).toBe("AUTHENTIK_URL must begin with https:// (or http://).");
  });

  test.each(["two words", "line\nbreak", "naïve", "   ", "Bearer abc"])("the token %j, not repeated", async (bad) => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": bad });
    const sentence = refusal();
    expect(sentence).toBe("authentik:token is no API token: it must be a single word without blanks.");
    expect(sentence).not.toContain(bad.trim() || "\n");
  });

  test("the token in the environment is named as such", async () => {
    await configureWith(invitationProvider, { "authentik:url": url });
    process.env["AUTHENTIK_TOKEN"] = "two words";
    expect(refusal()).toBe("AUTHENTIK_TOKEN is no API token: it must be a single word without blanks.");
  });

  test.each(["maybe", "2", "on"])("insecure %j", async (insecure) => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:insecure": insecure,
    });
    expect(refusal()).toBe("authentik:insecure must be true or false.");
  });

  test("insecure in the environment is named as such", async () => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    process.env["AUTHENTIK_INSECURE"] = "perhaps";
    expect(refusal()).toBe("AUTHENTIK_INSECURE must be true or false.");
  });

  const help = "set it with `pulumi config set --secret --path 'authentik:headers.X-My-Header' …`.";
  test.each([
    ["X-A: s3cret", `authentik:headers is no JSON object of header names and values: ${help}`],
    ['["s3cret"]', `authentik:headers must be a JSON object of header names and texts: ${help}`],
    ['{"X-A": 7}', `authentik:headers must be a JSON object of header names and texts: ${help}`],
    ['{"X A": "s3cret"}', `authentik:headers must be a JSON object of header names and texts: ${help}`],
    ['{"X-A": "s3cret\\r\\nX-B: 1"}', `authentik:headers must be a JSON object of header names and texts: ${help}`],
    ['{"Authorization": "s3cret"}', "authentik:headers must not set Authorization: the provider sets it itself."],
    ['{"HOST": "s3cret"}', "authentik:headers must not set HOST: the provider sets it itself."],
    ['{"content-length": "7"}', "authentik:headers must not set content-length: the provider sets it itself."],
  ])("the headers %j", async (headers, sentence) => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:headers": headers,
    });
    expect(refusal()).toBe(sentence);
    expect(refusal()).not.toContain("s3cret");
  });

  test.each(["proxy-authorization", "User-Agent", "keep-alive", "upgrade", "expect"])(
    "the header %s does not fail each request later",
    async (header) => {
      await configureWith(invitationProvider, {
        "authentik:url": url,
        "authentik:token": token,
        "authentik:headers": JSON.stringify({ [header]: "x" }),
      });
      expect(refusal()).toBe(`authentik:headers must not set ${header}: the provider sets it itself.`);
    },
  );
});

describe("where a setting comes from", () => {
  test("the default connection takes the environment", async () => {
    process.env["AUTHENTIK_URL"] = `${url}/`;
    process.env["AUTHENTIK_TOKEN"] = token;
    const headers = await headersThrough(connect());
    expect(headers.get("authorization")).toBe(`Bearer ${token}`);
  });

  test("Pulumi's configuration wins over the environment", async () => {
    process.env["AUTHENTIK_URL"] = "https://other.test";
    process.env["AUTHENTIK_TOKEN"] = "other";
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    const headers = await headersThrough(connect());
    expect(headers.get("authorization")).toBe(`Bearer ${token}`);
  });

  test("the configuration may give one, the environment the other", async () => {
    process.env["AUTHENTIK_TOKEN"] = "other";
    await configureWith(invitationProvider, { "authentik:url": url });
    expect((await headersThrough(connect())).get("authorization")).toBe("Bearer other");
  });

  test("blanks and line ends around them are dropped", async () => {
    await configureWith(invitationProvider, {
      "authentik:url": ` ${url}/api/v3/\n`,
      "authentik:token": ` ${token}\n`,
      "authentik:insecure": " true\n",
    });
    expect((await headersThrough(connect())).get("authorization")).toBe(`Bearer ${token}`);
  });

  test("another connection has its own namespace", async () => {
    const staging = "https://staging.test";
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik-staging:url": staging,
      "authentik-staging:token": "other",
    });
    const headers = await headersThrough(connect("authentik-staging"), staging);
    expect(headers.get("authorization")).toBe("Bearer other");
  });

  test("further headers are sent with each request", async () => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:headers": '{"X-Proxy-Key": "s3cret", "cf-access-client-id": "id"}',
    });
    const headers = await headersThrough(connect());
    expect(headers.get("x-proxy-key")).toBe("s3cret");
    expect(headers.get("cf-access-client-id")).toBe("id");
  });

  test.each(["true", "TRUE", "1", "yes", "false", "0", "no", ""])("insecure may be %j", async (insecure) => {
    await configureWith(invitationProvider, {
      "authentik:url": url,
      "authentik:token": token,
      "authentik:insecure": insecure,
    });
    expect(() => connect()).not.toThrow();
  });
});

describe("a connection", () => {
  test("is made once, and shared", async () => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    expect(connect()).toBe(connect("authentik"));
  });

  test("is made anew after another configuration", async () => {
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    const before = connect();
    await configureWith(invitationProvider, { "authentik:url": url, "authentik:token": token });
    expect(connect()).not.toBe(before);
  });

  test("that was refused is read again, once it is set", async () => {
    refusal();
    process.env["AUTHENTIK_URL"] = url;
    process.env["AUTHENTIK_TOKEN"] = token;
    expect(() => connect()).not.toThrow();
  });
});
