import { InvitationStage as invitationStageProvider } from "pulumi-authentik-invitations/provider";
import { catchError } from "./support/catch-error";
import {
  configureWith,
  expectAllMocksUsed,
  mockResponse,
  requestLines,
  resetHttpMocks,
  sentRequests,
  settings,
} from "./support/http-mocks";
import {
  flowBody,
  htmlPage,
  invalidTokenBody,
  meBody,
  notFoundBody,
  pageBody,
  stageBody,
  stagePk,
} from "./support/response-bodies";

type Properties = Record<string, unknown>;

const stagesPath = "/stages/invitation/stages/";
const stagePath = `${stagesPath}${stagePk}/`;
const lookupRequest = `GET ${stagesPath}?name=invitation&ordering=pk&page_size=500&page=1`;
const inputs = { name: "invitation", continueFlowWithoutInvitation: false };
const state = { ...inputs, pk: stagePk };
const nameTaken = { name: ["stage with this name already exists."] };

async function create(changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const { id, outs } = await invitationStageProvider.create({ ...inputs, ...changes });
  return { id, outs: outs as Properties };
}

async function read(olds: Properties = state): Promise<{ id: unknown; props: Properties; inputs: Properties }> {
  const result = await invitationStageProvider.read(stagePk, olds);
  return { id: result.id, props: result.props as Properties, inputs: result.inputs as Properties };
}

/** The provider reports drift with `console.warn`. */
const warn = jest.spyOn(console, "warn").mockImplementation();

beforeEach(async () => {
  resetHttpMocks();
  warn.mockClear();
  await configureWith(invitationStageProvider, settings);
});
afterEach(expectAllMocksUsed);

describe("create", () => {
  test("sends one POST with the complete declared state, without flow_set", async () => {
    mockResponse("POST", stagesPath, 201, stageBody());
    expect(await create()).toEqual({ id: stagePk, outs: state });
    expect(sentRequests).toEqual([
      { method: "POST", path: stagesPath, body: { name: "invitation", continue_flow_without_invitation: false } },
    ]);
  });

  test("keeps a name with surrounding spaces as configured", async () => {
    mockResponse("POST", stagesPath, 201, stageBody());
    expect((await create({ name: " invitation " })).outs).toMatchObject({ name: " invitation " });
  });

  test("names the pk and the option import if an invitation stage has the name", async () => {
    mockResponse("POST", stagesPath, 400, nameTaken);
    mockResponse("GET", stagesPath, 200, pageBody([stageBody()]));
    const { message } = await catchError(create());
    expect(message).toBe(
      `name: authentik rejected "invitation": stage with this name already exists. The invitation stage with the pk ${stagePk} has this name. Choose another name, or import that stage with the resource option { import: "${stagePk}" }.`,
    );
    expect(requestLines()).toEqual([`POST ${stagesPath}`, lookupRequest]);
  });

  test("reports that a stage of another kind may have the name if no invitation stage has it", async () => {
    mockResponse("POST", stagesPath, 400, nameTaken);
    mockResponse("GET", stagesPath, 200, pageBody([]));
    expect((await catchError(create())).message).toBe(
      'name: authentik rejected "invitation": stage with this name already exists. Names are unique across all kinds of stages. No invitation stage has this name, so a stage of another kind may have it. Choose another name.',
    );
  });

  test("reports that the name is taken even if the lookup fails", async () => {
    mockResponse("POST", stagesPath, 400, nameTaken);
    mockResponse("GET", stagesPath, 500, htmlPage);
    expect((await catchError(create())).message).toContain("stage with this name already exists.");
  });

  test("does not look up stages if authentik rejected another field", async () => {
    mockResponse("POST", stagesPath, 400, { continue_flow_without_invitation: ["Must be a valid boolean."] });
    const { message } = await catchError(create());
    expect(message).toContain("continueFlowWithoutInvitation: Must be a valid boolean.");
    expect(requestLines()).toEqual([`POST ${stagesPath}`]);
  });
});

describe("update", () => {
  test("sends one PUT with the complete state", async () => {
    mockResponse("PUT", stagePath, 200, stageBody({ continue_flow_without_invitation: true }));
    const news = { ...inputs, continueFlowWithoutInvitation: true };
    const { outs } = await invitationStageProvider.update(stagePk, state, news);
    expect(sentRequests).toEqual([
      { method: "PUT", path: stagePath, body: { name: "invitation", continue_flow_without_invitation: true } },
    ]);
    expect(outs).toEqual({ ...state, continueFlowWithoutInvitation: true });
  });

  test("of a deleted stage suggests `pulumi up --refresh`", async () => {
    mockResponse("PUT", stagePath, 404, notFoundBody);
    const { message } = await catchError(invitationStageProvider.update(stagePk, state, { ...inputs, name: "other" }));
    expect(message).toBe('Invitation stage "other" no longer exists in authentik. Run `pulumi up --refresh`.');
  });

  test("to a name that is taken names the pk of the stage that has it", async () => {
    const otherPk = "f766d149-50a7-48ba-860c-b15929fab7cc";
    mockResponse("PUT", stagePath, 400, nameTaken);
    mockResponse("GET", stagesPath, 200, pageBody([stageBody({ pk: otherPk, name: "other" })]));
    const { message } = await catchError(invitationStageProvider.update(stagePk, state, { ...inputs, name: "other" }));
    expect(message).toContain(`The invitation stage with the pk ${otherPk} has this name`);
  });
});

describe("delete", () => {
  test("sends one DELETE", async () => {
    mockResponse("DELETE", stagePath, 204);
    await invitationStageProvider.delete(stagePk, state);
    expect(requestLines()).toEqual([`DELETE ${stagePath}`]);
  });

  test("of a deleted stage succeeds", async () => {
    mockResponse("DELETE", stagePath, 404, notFoundBody);
    await invitationStageProvider.delete(stagePk, state);
    expect(requestLines()).toEqual([`DELETE ${stagePath}`]);
  });

  test("fails on a 404 with an HTML page", async () => {
    mockResponse("DELETE", stagePath, 404, htmlPage);
    const { stack } = await catchError(invitationStageProvider.delete(stagePk, state));
    expect(stack).toBe("");
  });
});

describe("read", () => {
  test("sends one GET, and returns the inputs as configured", async () => {
    mockResponse("GET", stagePath, 200, stageBody());
    expect(await read({ ...state, name: " invitation " })).toEqual({
      id: stagePk,
      props: { ...state, name: " invitation " },
      inputs: { ...inputs, name: " invitation " },
    });
    expect(requestLines()).toEqual([`GET ${stagePath}`]);
  });

  test("shows properties that were changed outside Pulumi", async () => {
    mockResponse("GET", stagePath, 200, stageBody({ name: "renamed", continue_flow_without_invitation: true }));
    expect((await read()).inputs).toEqual({ name: "renamed", continueFlowWithoutInvitation: true });
  });

  test("does not return the flows of the stage, which a binding of the same program changes", async () => {
    mockResponse("GET", stagePath, 200, stageBody({ flow_set: [flowBody()] }));
    expect((await read()).props).toEqual(state);
  });

  test("returns nothing for a deleted stage", async () => {
    mockResponse("GET", stagePath, 404, notFoundBody);
    expect(await invitationStageProvider.read(stagePk, state)).toEqual({});
  });

  test.each([
    ["an HTML page", htmlPage],
    ["a proxy's JSON", { message: "no Route matched with those values" }],
  ])("does not treat a 404 with %s as a deletion", async (_case, body) => {
    mockResponse("GET", stagePath, 404, body);
    const { message, stack } = await catchError(read());
    expect(message).toContain("The response did not come from authentik's API");
    expect(stack).toBe("");
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

  test("explains how to set a token if it is invalid", async () => {
    mockResponse("GET", stagePath, 403, invalidTokenBody);
    mockResponse("GET", "/core/users/me/", 403, invalidTokenBody);
    const { message, stack } = await catchError(read());
    expect(message).toContain("pulumi config set --secret authentik:token");
    expect(stack).toBe("");
  });

  test("names the missing permission", async () => {
    mockResponse("GET", stagePath, 403, { detail: "You do not have permission to perform this action." });
    mockResponse("GET", "/core/users/me/", 200, meBody);
    expect((await catchError(read())).message).toContain("authentik_stages_invitation.view_invitationstage");
  });
});

describe("adoption", () => {
  let pkCount = 0;
  /** Each test adopts its own pk, because the process remembers them. */
  function freshPk(): string {
    pkCount += 1;
    return `cccccccc-0000-4000-8000-${String(pkCount).padStart(12, "0")}`;
  }

  test("sends only a GET", async () => {
    const pk = freshPk();
    mockResponse("GET", `${stagesPath}${pk}/`, 200, stageBody({ pk }));
    expect(await create({ import: pk })).toEqual({ id: pk, outs: { ...state, pk } });
    expect(requestLines()).toEqual([`GET ${stagesPath}${pk}/`]);
  });

  test("fails if properties differ: the error lists them, and nothing is changed", async () => {
    const pk = freshPk();
    mockResponse(
      "GET",
      `${stagesPath}${pk}/`,
      200,
      stageBody({ pk, name: "other", continue_flow_without_invitation: true }),
    );
    expect((await catchError(create({ import: pk }))).message).toBe(
      'Invitation stage "invitation" cannot be imported, because it differs from the program in name, continueFlowWithoutInvitation. Nothing was changed. Declare the values that authentik has, run `pulumi up`, then change them.',
    );
    expect(requestLines()).toEqual([`GET ${stagesPath}${pk}/`]);
  });

  test("names the pk of a stage that does not exist, because a stage's pk is not a secret", async () => {
    const pk = freshPk();
    mockResponse("GET", `${stagesPath}${pk}/`, 404, notFoundBody);
    expect((await catchError(create({ import: pk }))).message).toBe(
      `Invitation stage "invitation" cannot be imported: authentik has no invitation stage with the pk ${pk}. Correct the pk, or remove the resource option import.`,
    );
  });

  test("keeps another resource of the same run from deleting the stage", async () => {
    const pk = freshPk();
    mockResponse("GET", `${stagesPath}${pk}/`, 200, stageBody({ pk }));
    await create({ import: pk });
    await invitationStageProvider.delete(pk, { ...state, pk });
    expect(requestLines()).toEqual([`GET ${stagesPath}${pk}/`]);
    expect(warn.mock.calls).toEqual([
      ['Invitation stage "invitation": not deleted, because another resource adopted it in this run.'],
    ]);
  });
});
