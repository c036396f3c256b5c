import { runtime } from "@pulumi/pulumi";
import { getStage } from "../../provider/functions/get-stage";
import { pageBody } from "./support/bodies";
import { answer, base, clearExchanges, token } from "./support/exchanges";
import { failureOf } from "./support/failure";

const stage = (name: string) => ({
  pk: "05bb2635-c2eb-44ce-b072-a0c49eeeeeb1",
  name,
  component: "ak-stage-prompt-form",
  verbose_name: "Prompt Stage",
  meta_model_name: "authentik_stages_prompt.promptstage",
});

beforeEach(() => {
  clearExchanges();
  runtime.setAllConfig({ "authentik:url": base, "authentik:token": `${token}-${Math.random()}` });
});

test("a stage of any kind is found by its name", async () => {
  answer("GET", "/stages/all/", 200, pageBody([stage("prompt")]));
  expect(await getStage({ name: " prompt " })).toMatchObject({ name: "prompt", verboseName: "Prompt Stage" });
});

test("a name that no stage has is an error with the names that there are", async () => {
  answer("GET", "/stages/all/", 200, pageBody([]));
  answer("GET", "/stages/all/", 200, pageBody([stage("write"), stage("login")]));
  expect((await failureOf(getStage({ name: "prompt" }))).message).toBe(
    'getStage: authentik has no stage with the name "prompt" that the token\'s user may see. It has login, write.',
  );
});

test("that the names cannot be listed does not hide it", async () => {
  answer("GET", "/stages/all/", 200, pageBody([]));
  answer("GET", "/stages/all/", 501, { detail: "not here" });
  expect((await failureOf(getStage({ name: "prompt" }))).message).toBe(
    'getStage: authentik has no stage with the name "prompt" that the token\'s user may see.',
  );
});
