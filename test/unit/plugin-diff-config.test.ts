/** What happens to resources when the settings of their provider change, or when they get another provider. */
import { Plugin } from "./support/plugin-service";

const staging = { url: "https://staging.example.com", token: "t0ken" };
const production = { url: "https://id.example.com", token: "t0ken" };

async function diff(olds: object, news: object, configured?: Record<string, unknown>) {
  const plugin = new Plugin();
  if (configured !== undefined) await plugin.configure(configured);
  const response = await plugin.diffConfig({ ...olds }, { ...news });
  return { replaces: response.getReplacesList(), diffs: response.getDiffsList() };
}

test("a provider with a new URL keeps its resources", async () => {
  // The engine compares before it configures the provider, or with the instance that has the old settings.
  expect(await diff(staging, production)).toEqual({ replaces: [], diffs: ["url"] });
  expect(await diff(staging, production, staging)).toEqual({ replaces: [], diffs: ["url"] });
});

test("a resource that gets the provider of another authentik is replaced", async () => {
  expect(await diff(staging, { ...production, insecure: "true" }, production)).toEqual({
    replaces: ["url"],
    diffs: ["url", "insecure"],
  });
});

test.each([
  ["the same authentik", { ...production, url: "https://id.example.com/api/v3/", token: "another" }],
  ["no URL of its own", { token: "t0ken" }],
  ["the settings of the dynamic resources", { "authentik:url": "https://staging.example.com" }],
])("a resource whose old provider has %s is not replaced", async (_case, olds) => {
  expect((await diff(olds, production, production)).replaces).toEqual([]);
});

test.each([
  ["unknown at a preview", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"],
  ["removed, because an environment variable sets it", undefined],
])("a resource whose provider's new URL is %s is not replaced", async (_case, url) => {
  const { url: _, ...others } = production;
  const news = url === undefined ? others : { ...others, url };
  for (const configured of [undefined, production, news])
    expect((await diff(staging, news, configured)).replaces).toEqual([]);
});
