import { runtime } from "@pulumi/pulumi";
import { getStage } from "pulumi-authentik-invitations";
import { catchError } from "./support/catch-error";
import { authentikUrl, mockResponse, resetHttpMocks, token } from "./support/http-mocks";
import { pageBody } from "./support/response-bodies";

const listedStage = (name: string) => ({
  pk: "05bb2635-c2eb-44ce-b072-a0c49eeeeeb1",
  name,
  component: "ak-stage-prompt-form",
  verbose_name: "Prompt Stage",
  meta_model_name: "authentik_stages_prompt.promptstage",
});

beforeEach(() => {
  resetHttpMocks();
  runtime.setAllConfig({ "authentik:url": authentikUrl, "authentik:token": `${token}-${Math.random()}` });
});

test("finds a stage of any kind by its name", async () => {
  mockResponse("GET", "/stages/all/", 200, pageBody([listedStage("prompt")]));
  expect(await getStage({ name: " prompt " })).toMatchObject({ name: "prompt", verboseName: "Prompt Stage" });
});

test("lists the existing names if no stage has the name", async () => {
  mockResponse("GET", "/stages/all/", 200, pageBody([]));
  mockResponse("GET", "/stages/all/", 200, pageBody([listedStage("write"), listedStage("login")]));
  expect((await catchError(getStage({ name: "prompt" }))).message).toBe(
    'getStage: authentik has no stage with the name "prompt" that the token\'s user is allowed to view. Existing stages: login, write.',
  );
});

test("reports that no stage has the name even if the stages cannot be listed", async () => {
  mockResponse("GET", "/stages/all/", 200, pageBody([]));
  mockResponse("GET", "/stages/all/", 501, { detail: "not here" });
  expect((await catchError(getStage({ name: "prompt" }))).message).toBe(
    'getStage: authentik has no stage with the name "prompt" that the token\'s user is allowed to view.',
  );
});
