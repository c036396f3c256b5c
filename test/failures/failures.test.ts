import { readFileSync } from "node:fs";
import { join } from "node:path";
import { failures, kinds, kindsOf, operations, operationsOf } from "./failures";
import { generateFailuresPage, pagePath } from "./page";
import { type MatrixRun, packageRoot, runMatrixProcess } from "./run";

jest.setTimeout(240_000);

let run: MatrixRun;

beforeAll(async () => {
  run = await runMatrixProcess();
});

test("covers every failure with every operation that it can affect", () => {
  const expected = failures.flatMap((failure) =>
    failure.scopes.flatMap(() => kindsOf(failure).flatMap((kind) => operationsOf(failure, kind))),
  ).length;
  expect(run.rows).toHaveLength(expected);
  expect(new Set(run.rows.map(({ operation }) => operation))).toEqual(new Set(operations));
  expect(new Set(run.rows.map(({ kind }) => kind))).toEqual(new Set(kinds));
});

test("no failure loses, duplicates or reissues an object, repeats a POST, or prints a secret", () => {
  expect(run.rows.filter(({ violations }) => violations.length > 0)).toEqual([]);
});

test("prints nothing outside of warnings", () => {
  expect(run.stderr).toBe("");
});

test("adopts what a create request created after every single failure", () => {
  const carriedOut = run.rows.filter(
    ({ failure, scope, operation }) => scope === "first" && operation === "create" && failure.endsWith(", carried out"),
  );
  expect(carriedOut.length).toBeGreaterThan(10);
  expect(carriedOut.filter(({ outcome }) => outcome !== "adopts")).toEqual([]);
});

test("docs/failures.md is current (run `npm run docs` and commit the result)", () => {
  expect(readFileSync(join(packageRoot, pagePath), "utf8")).toBe(generateFailuresPage(run.rows));
});
