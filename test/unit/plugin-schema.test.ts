import { formatSchema } from "../../provider/plugin/schema";

test("the schema says where Pulumi downloads the plugin from, if the package has a repository on GitHub", () => {
  const parse = (repository?: string): unknown => JSON.parse(formatSchema("1.2.3", repository));
  expect(parse("git+https://github.com/example/fork.git")).toMatchObject({
    version: "1.2.3",
    repository: "https://github.com/example/fork",
    pluginDownloadURL: "github://api.github.com/example/fork",
  });
  expect(parse("git+https://gitlab.com/example/fork.git")).not.toHaveProperty("pluginDownloadURL");
});
