import { InvitationStage as invitationStageProvider } from "pulumi-authentik-invitations/provider";
import { catchError } from "./support/catch-error";
import { mockResponse, requestLines, useHttpMocks } from "./support/http-mocks";
import { flowBody, htmlPage, notFoundBody, pageBody, stageBody, stagePk } from "./support/response-bodies";
import { warnings } from "./support/warnings";

type Properties = Record<string, unknown>;

const stagesPath = "/stages/invitation/stages/";
const stagePath = `${stagesPath}${stagePk}/`;
const inputs = { name: "invitation", continueFlowWithoutInvitation: false };
const state = { ...inputs, pk: stagePk };
const taken = { name: ["stage with this name already exists."] };

async function create(changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const { id, outs } = await invitationStageProvider.create({ ...inputs, ...changes });
  return { id, outs: outs as Properties };
}

useHttpMocks(invitationStageProvider);

describe("create", () => {
  // What the lookup finds out is proven by test/engine/import.test.ts.
  test("with a name that is taken reports authentik's message if the lookup fails", async () => {
    mockResponse("POST", stagesPath, 400, taken);
    mockResponse("GET", stagesPath, 500, htmlPage);
    expect((await catchError(create())).message).toContain(taken.name[0]);
    expect(requestLines()).toEqual([
      `POST ${stagesPath}`,
      `GET ${stagesPath}?name=invitation&ordering=pk&page_size=500&page=1`,
    ]);
  });

  test("does not look up stages if authentik rejected another field", async () => {
    mockResponse("POST", stagesPath, 400, { continue_flow_without_invitation: ["Must be a valid boolean."] });
    const { message } = await catchError(create());
    expect(message).toContain("continueFlowWithoutInvitation: Must be a valid boolean.");
    expect(requestLines()).toEqual([`POST ${stagesPath}`]);
  });
});

describe("update", () => {
  const update = (changes: Properties): Promise<{ outs?: object }> =>
    invitationStageProvider.update(stagePk, state, { ...inputs, ...changes });

  test("of a deleted stage suggests `pulumi up --refresh`", async () => {
    mockResponse("PUT", stagePath, 404, notFoundBody);
    expect((await catchError(update({ name: "other" }))).message).toBe(
      'Invitation stage "other" no longer exists in authentik. Run `pulumi up --refresh`.',
    );
  });

  test("to a name that is taken names the pk of the stage that has it", async () => {
    const otherPk = "f766d149-50a7-48ba-860c-b15929fab7cc";
    mockResponse("PUT", stagePath, 400, taken);
    mockResponse("GET", stagesPath, 200, pageBody([stageBody({ pk: otherPk, name: "other" })]));
    const { message } = await catchError(update({ name: "other" }));
    expect(message).toContain(`The invitation stage with the pk ${otherPk} has this name`);
  });
});

describe("read", () => {
  test.each<[string, Properties, Properties]>([
    ["the inputs as configured", { ...inputs, name: " invitation " }, {}],
    [
      "what was changed outside Pulumi",
      { name: "renamed", continueFlowWithoutInvitation: true },
      { name: "renamed", continue_flow_without_invitation: true },
    ],
    // A binding of the same program changes them.
    ["no flows of the stage", inputs, { flow_set: [flowBody()] }],
  ])("returns %s", async (_case, expected, body) => {
    const name = String(expected["name"]).trim() === "invitation" ? expected["name"] : "invitation";
    mockResponse("GET", stagePath, 200, stageBody(body));
    const { id, ...read } = await invitationStageProvider.read(stagePk, { ...state, name });
    expect(id).toBe(stagePk);
    expect(read).toEqual({ props: { ...expected, pk: stagePk }, inputs: expected });
    expect(requestLines()[0]).toBe(`GET ${stagePath}`);
  });

  test("finds a stage by its pk alone, in any spelling (InvitationStage.get)", async () => {
    mockResponse("GET", stagePath, 200, stageBody());
    const result = await invitationStageProvider.read(`{${stagePk.toUpperCase()}}`, {});
    expect(result).toMatchObject({ id: stagePk, props: state });
  });

  test("fails if the id is not a pk", async () => {
    const { message, stack } = await catchError(invitationStageProvider.read("invitation", {}));
    expect(message).toBe(
      "The pk of the invitation stage must be a UUID, not a name or slug. Look it up with getInvitationStage.",
    );
    expect(stack).toBe("");
  });
});

describe("adoption", () => {
  let pkCount = 0;
  /** Each test adopts its own pk, because the process remembers them. */
  function mockStage(status: number, changes?: Properties): string {
    pkCount += 1;
    const pk = `cccccccc-0000-4000-8000-${String(pkCount).padStart(12, "0")}`;
    mockResponse("GET", `${stagesPath}${pk}/`, status, changes ? stageBody({ pk, ...changes }) : notFoundBody);
    return pk;
  }

  test("sends only a GET, and keeps another resource of the same run from deleting the stage", async () => {
    const pk = mockStage(200, {});
    expect(await create({ import: pk })).toEqual({ id: pk, outs: { ...state, pk } });
    await invitationStageProvider.delete(pk, { ...state, pk });
    expect(requestLines()).toEqual([`GET ${stagesPath}${pk}/`]);
    expect(warnings()).toEqual([
      'Invitation stage "invitation": not deleted, because another resource adopted it in this run.',
    ]);
  });

  test("fails if properties differ: the error lists them, and nothing is changed", async () => {
    const pk = mockStage(200, { name: "other", continue_flow_without_invitation: true });
    expect((await catchError(create({ import: pk }))).message).toBe(
      'Invitation stage "invitation" cannot be imported, because it differs from the program in name, continueFlowWithoutInvitation. Nothing was changed. Declare the values that authentik has, run `pulumi up`, then change them.',
    );
    expect(requestLines()).toEqual([`GET ${stagesPath}${pk}/`]);
  });

  test("names the pk of a stage that does not exist, because a stage's pk is not a secret", async () => {
    const pk = mockStage(404);
    expect((await catchError(create({ import: pk }))).message).toBe(
      `Invitation stage "invitation" cannot be imported: authentik has no invitation stage with the pk ${pk}. Correct the pk, or remove the resource option import.`,
    );
  });
});
