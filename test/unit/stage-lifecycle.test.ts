import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { badToken, flowBody, flowPk, gone, htmlPage, meBody, pageBody, stageBody, stagePk } from "./support/bodies";
import { answer, calls, clearExchanges, configureWith, expectAllAsked, lines, settings } from "./support/exchanges";
import { failureOf } from "./support/failure";

type Properties = Record<string, unknown>;

const list = "/stages/invitation/stages/";
const one = `${list}${stagePk}/`;
const search = `GET ${list}?name=invitation&ordering=pk&page_size=100&page=1`;
const inputs = { name: "invitation", continueFlowWithoutInvitation: false };
const outputs = {
  pk: stagePk,
  flowSet: [],
  component: "ak-stage-invitation-form",
  verboseName: "Invitation Stage",
  verboseNamePlural: "Invitation Stages",
  metaModelName: "authentik_stages_invitation.invitationstage",
};
const state = { ...inputs, ...outputs };
const taken = { name: ["stage with this name already exists."] };

async function create(changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const { id, outs } = await invitationStageProvider.create({ ...inputs, ...changes });
  return { id, outs: outs as Properties };
}

async function read(olds: Properties = state): Promise<{ id: unknown; props: Properties; inputs: Properties }> {
  const result = await invitationStageProvider.read(stagePk, olds);
  return { id: result.id, props: result.props as Properties, inputs: result.inputs as Properties };
}

beforeEach(async () => {
  clearExchanges();
  await configureWith(invitationStageProvider, settings);
});
/** What is told in the run's output: drift, above all. */
const warn = jest.spyOn(console, "warn").mockImplementation();
beforeEach(() => warn.mockClear());
afterEach(expectAllAsked);

describe("create", () => {
  test("is one POST with the whole declared state, and never flow_set", async () => {
    answer("POST", list, 201, stageBody());
    expect(await create()).toEqual({ id: stagePk, outs: state });
    expect(calls).toEqual([
      { method: "POST", path: list, body: { name: "invitation", continue_flow_without_invitation: false } },
    ]);
  });

  test("keeps a padded name as it was written", async () => {
    answer("POST", list, 201, stageBody());
    expect((await create({ name: " invitation " })).outs).toMatchObject({ name: " invitation " });
  });

  test("of a name that an invitation stage has names its pk and the import option", async () => {
    answer("POST", list, 400, taken);
    answer("GET", list, 200, pageBody([stageBody()]));
    const { message } = await failureOf(create());
    expect(message).toBe(
      `name: authentik refuses "invitation": stage with this name already exists. The invitation stage with the pk ${stagePk} has this name: choose another name, or take that stage over with the resource option { import: "${stagePk}" }.`,
    );
    expect(lines()).toEqual([`POST ${list}`, search]);
  });

  test("of a name that a stage of another kind has says so", async () => {
    answer("POST", list, 400, taken);
    answer("GET", list, 200, pageBody([]));
    expect((await failureOf(create())).message).toBe(
      'name: authentik refuses "invitation": stage with this name already exists. Names are unique over all kinds of stages, and no invitation stage has this one: choose another name, or look for the stage of another kind that has it.',
    );
  });

  test("of a name that is taken says so though the search fails", async () => {
    answer("POST", list, 400, taken);
    answer("GET", list, 500, htmlPage);
    expect((await failureOf(create())).message).toContain("stage with this name already exists.");
  });

  test("does not search where another field is refused", async () => {
    answer("POST", list, 400, { continue_flow_without_invitation: ["Must be a valid boolean."] });
    const { message } = await failureOf(create());
    expect(message).toContain("continueFlowWithoutInvitation: Must be a valid boolean.");
    expect(lines()).toEqual([`POST ${list}`]);
  });
});

describe("update", () => {
  test("is one PUT with the whole state", async () => {
    answer("PUT", one, 200, stageBody({ continue_flow_without_invitation: true }));
    const news = { ...inputs, continueFlowWithoutInvitation: true };
    const { outs } = await invitationStageProvider.update(stagePk, state, news);
    expect(calls).toEqual([
      { method: "PUT", path: one, body: { name: "invitation", continue_flow_without_invitation: true } },
    ]);
    expect(outs).toEqual({ ...state, continueFlowWithoutInvitation: true });
  });

  test("of one that is gone says what to run", async () => {
    answer("PUT", one, 404, gone);
    const { message } = await failureOf(invitationStageProvider.update(stagePk, state, { ...inputs, name: "other" }));
    expect(message).toBe(
      'Invitation stage "other" is gone from authentik, so that it cannot be changed: run `pulumi up --refresh`.',
    );
  });

  test("to a name that is taken names the other's pk", async () => {
    const otherPk = "f766d149-50a7-48ba-860c-b15929fab7cc";
    answer("PUT", one, 400, taken);
    answer("GET", list, 200, pageBody([stageBody({ pk: otherPk, name: "other" })]));
    const { message } = await failureOf(invitationStageProvider.update(stagePk, state, { ...inputs, name: "other" }));
    expect(message).toContain(`The invitation stage with the pk ${otherPk} has this name`);
  });
});

describe("delete", () => {
  test("is one DELETE", async () => {
    answer("DELETE", one, 204);
    await invitationStageProvider.delete(stagePk, state);
    expect(lines()).toEqual([`DELETE ${one}`]);
  });

  test("of what is gone succeeds", async () => {
    answer("DELETE", one, 404, gone);
    await invitationStageProvider.delete(stagePk, state);
    expect(lines()).toEqual([`DELETE ${one}`]);
  });

  test("fails where 404 is a page in HTML", async () => {
    answer("DELETE", one, 404, htmlPage);
    const { stack } = await failureOf(invitationStageProvider.delete(stagePk, state));
    expect(stack).toBe("");
  });
});

describe("read", () => {
  test("is one GET, and gives the inputs in the user's form", async () => {
    answer("GET", one, 200, stageBody());
    expect(await read({ ...state, name: " invitation " })).toEqual({
      id: stagePk,
      props: { ...state, name: " invitation " },
      inputs: { ...inputs, name: " invitation " },
    });
    expect(lines()).toEqual([`GET ${one}`]);
  });

  test("shows what somebody changed", async () => {
    answer("GET", one, 200, stageBody({ name: "renamed", continue_flow_without_invitation: true }));
    expect((await read()).inputs).toEqual({ name: "renamed", continueFlowWithoutInvitation: true });
  });

  test("gives the flows that the stage is bound to", async () => {
    answer("GET", one, 200, stageBody({ flow_set: [flowBody(), flowBody()] }));
    const flow = {
      pk: flowPk,
      name: "Enrollment",
      slug: "enrollment",
      title: "Welcome",
      designation: "enrollment",
      policyEngineMode: "any",
      compatibilityMode: false,
      layout: "stacked",
      deniedAction: "message_continue",
      exportUrl: "/api/v3/flows/instances/enrollment/export/",
    };
    expect((await read()).props).toMatchObject({ flowSet: [flow, flow] });
  });

  test("reads a flow with values of its enums that nobody knows, and without what is optional", async () => {
    const flow = { pk: flowPk, name: "a", slug: "a", title: "a", designation: "brand_new" };
    answer("GET", one, 200, stageBody({ flow_set: [flow] }));
    const { props } = await read();
    expect(props).toMatchObject({ flowSet: [flow] });
    expect(JSON.parse(JSON.stringify(props))).toEqual(props);
  });

  test("gives nothing for one that is gone", async () => {
    answer("GET", one, 404, gone);
    expect(await invitationStageProvider.read(stagePk, state)).toEqual({});
  });

  test.each([
    ["a page in HTML", htmlPage],
    ["a proxy's JSON", { message: "no Route matched with those values" }],
  ])("never takes it for gone where 404 is %s", async (_what, body) => {
    answer("GET", one, 404, body);
    const { message, stack } = await failureOf(read());
    expect(message).toContain("What answered is not authentik's API");
    expect(stack).toBe("");
  });

  test("finds one by its pk alone, in any spelling (InvitationStage.get)", async () => {
    answer("GET", one, 200, stageBody());
    const result = await invitationStageProvider.read(`{${stagePk.toUpperCase()}}`, {});
    expect(result).toMatchObject({ id: stagePk, props: state });
  });

  test("says what to use where the id is no pk", async () => {
    const { message, stack } = await failureOf(invitationStageProvider.read("invitation", {}));
    expect(message).toBe("An invitation stage is read by its pk, which is a UUID: InvitationStage.get(name, pk).");
    expect(stack).toBe("");
  });

  test("with a bad token says how to set one", async () => {
    answer("GET", one, 403, badToken);
    answer("GET", "/core/users/me/", 403, badToken);
    const { message, stack } = await failureOf(read());
    expect(message).toContain("pulumi config set --secret authentik:token");
    expect(stack).toBe("");
  });

  test("without the permission names it", async () => {
    answer("GET", one, 403, { detail: "You do not have permission to perform this action." });
    answer("GET", "/core/users/me/", 200, meBody);
    expect((await failureOf(read())).message).toContain("authentik_stages_invitation.view_invitationstage");
  });
});

describe("adoption", () => {
  let count = 0;
  function freshPk(): string {
    count += 1;
    return `cccccccc-0000-4000-8000-${String(count).padStart(12, "0")}`;
  }

  test("only reads", async () => {
    const pk = freshPk();
    answer("GET", `${list}${pk}/`, 200, stageBody({ pk }));
    expect(await create({ import: pk })).toEqual({ id: pk, outs: { ...state, pk } });
    expect(lines()).toEqual([`GET ${list}${pk}/`]);
  });

  test("refuses what differs, by property, and writes nothing", async () => {
    const pk = freshPk();
    answer("GET", `${list}${pk}/`, 200, stageBody({ pk, name: "other", continue_flow_without_invitation: true }));
    expect((await failureOf(create({ import: pk }))).message).toBe(
      'Invitation stage "invitation" cannot be imported: it differs from the code in name, continueFlowWithoutInvitation. Write in the code what authentik has (nothing was changed), import it, then change it.',
    );
    expect(lines()).toEqual([`GET ${list}${pk}/`]);
  });

  test("of what is not there names the pk: a stage's is no secret", async () => {
    const pk = freshPk();
    answer("GET", `${list}${pk}/`, 404, gone);
    expect((await failureOf(create({ import: pk }))).message).toBe(
      `Invitation stage "invitation" cannot be imported: authentik has no invitation stage with the pk ${pk}. Correct the pk, or remove the option import.`,
    );
  });

  test("keeps another resource of the same run from deleting the object", async () => {
    const pk = freshPk();
    answer("GET", `${list}${pk}/`, 200, stageBody({ pk }));
    await create({ import: pk });
    await invitationStageProvider.delete(pk, { ...state, pk });
    expect(lines()).toEqual([`GET ${list}${pk}/`]);
    expect(warn.mock.calls).toEqual([
      ['invitation stage "invitation": not deleted, for another resource of this run has just adopted it.'],
    ]);
  });
});
