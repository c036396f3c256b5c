import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { commentPath, commentPicturePath, isPictureOf } from "../../scripts/docs/preview-comment";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const picture = readFileSync(join(root, commentPicturePath));

// test/gitops/yaml.test.ts compares the comment with that of a real run.
test("the picture of the comment is current (run `npm run docs` and commit the result)", () => {
  const comment = readFileSync(join(root, commentPath), "utf8");
  expect(isPictureOf(picture, comment)).toBe(true);
  expect(isPictureOf(picture, comment.replace("jane", "john"))).toBe(false);
});

test("the picture is small enough for the package", () => {
  expect(picture.length).toBeLessThan(150_000);
});
