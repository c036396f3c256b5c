/** What the plugin says about its provider's settings, which are those of the stack's configuration or the properties of an explicit provider. */
import { readSettings } from "../../provider/lifecycle/settings";
import { toConfiguration } from "../../provider/plugin/settings";
import { Plugin } from "./support/plugin-service";

const settings = { url: "https://authentik.example.com", token: "t0ken" };

const withoutUrl = "authentik's URL is not set. Set";
const withoutToken = "authentik's API token is not set. Set";
const notAUrl = "is not a URL. Use the form https://authentik.example.com.";
const command = "`pulumi config set authentik-invitations:url https://authentik.example.com`";
const secretCommand = "`pulumi config set --secret authentik-invitations:token …`";
const ofStaging = (name: string): string => `the property ${name} of provider "staging"`;

test.each([
  ["default", { token: "t0ken" }, `${withoutUrl} it with ${command} or in AUTHENTIK_URL.`],
  ["default_1_2_3", { url: settings.url }, `${withoutToken} it with ${secretCommand} or in AUTHENTIK_TOKEN.`],
  ["staging", { token: "t0ken" }, `${withoutUrl} ${ofStaging("url")} or AUTHENTIK_URL.`],
  ["staging", { url: settings.url }, `${withoutToken} ${ofStaging("token")} or AUTHENTIK_TOKEN.`],
  ["staging", { ...settings, url: "authentik" }, `${ofStaging("url")} ${notAUrl}`],
  [
    "staging",
    { ...settings, headers: "x" },
    `${ofStaging("headers")} must be a JSON object of header names and values.`,
  ],
  ["staging", { ...settings, insecure: "maybe" }, `${ofStaging("insecure")} must be true or false.`],
  ["staging", { ...settings, tokn: "x" }, "tokn: unknown property. Did you mean token?"],
])("the settings of provider %s: %j", async (name, inputs, message) => {
  expect(await new Plugin().configure(inputs, name)).toEqual([message]);
});

test("an explicit provider's links name its property publicUrl", async () => {
  const plugin = new Plugin();
  await plugin.configure({ ...settings, url: "http://localhost:9000" }, "staging");
  await plugin.previewCreate("Invitation", { flow: "staff", validFor: "14d" });
  expect(plugin.warnings).toEqual([
    expect.stringMatching(/^staging: the property url of provider "staging" is http:.* Set the property publicUrl of/),
  ]);
});

test("an explicit provider has another token than AUTHENTIK_TOKEN on purpose, which is no warning", () => {
  const overridingToken = (name: string): string | undefined =>
    readSettings(
      toConfiguration(settings, `urn:pulumi:dev::test::pulumi:providers:authentik-invitations::${name}`),
      "authentik",
    ).overridingToken;
  const { AUTHENTIK_TOKEN: variable } = process.env;
  process.env["AUTHENTIK_TOKEN"] = "0ther";
  try {
    expect(overridingToken("default")).toBe("authentik-invitations:token");
    expect(overridingToken("staging")).toBeUndefined();
  } finally {
    if (variable === undefined) delete process.env["AUTHENTIK_TOKEN"];
    else process.env["AUTHENTIK_TOKEN"] = variable;
  }
});
