import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { invitationId } from "../../provider/common/pk";
import {
  type Body,
  badToken,
  flowBody,
  flowPk,
  gone,
  htmlPage,
  invitationBody,
  invitationToFlow,
  meBody,
  noPermission,
  otherPk,
  pageBody,
  pk,
  stageBody,
  stagePk,
} from "./support/bodies";
import { created, deleted, eventsPath, eventsRequest, freshSettings, updated, used } from "./support/events";
import { answer, clearExchanges, configureWith, expectAllAsked, lines } from "./support/exchanges";
import { invitationState, type Properties, refresh } from "./support/invitation";

const one = `/stages/invitation/invitations/${pk}/`;
const stage = `/stages/invitation/stages/${stagePk}/`;
const hexOfAnother = otherPk.replaceAll("-", "");

const warn = jest.spyOn(console, "warn").mockImplementation();
const told = (): string[] => warn.mock.calls.map(([line]) => String(line));

beforeEach(async () => {
  clearExchanges();
  warn.mockClear();
  await configureWith(invitationProvider, freshSettings());
});
afterEach(() => {
  expectAllAsked();
  // The line that tells of an invitation names the resource, never its pk.
  for (const spelling of [pk, pk.replaceAll("-", "")]) expect(told().join()).not.toContain(spelling);
});

const stageState = (changes: Properties = {}): Properties => ({
  pk: stagePk,
  name: "invitation",
  continueFlowWithoutInvitation: false,
  flowSet: [],
  component: "ak-stage-invitation-form",
  verboseName: "Invitation Stage",
  verboseNamePlural: "Invitation Stages",
  metaModelName: "authentik_stages_invitation.invitationstage",
  ...changes,
});

async function refreshDrifted(events?: readonly Body[], changes: Body = { fixed_data: { by: "hand" } }): Promise<void> {
  answer("GET", one, 200, invitationBody(changes));
  if (events) answer("GET", eventsPath, 200, pageBody(events));
  await refresh(invitationState());
}

describe("a change", () => {
  test("is told with who made it and when, for one request", async () => {
    await refreshDrifted([updated({ by: "mallory", at: "2026-11-22T10:11:12.131415Z" }), created()]);
    expect(told()).toEqual([
      'Invitation "jane": fixedData changed outside Pulumi, last by mallory on 2026-11-22T10:11:12Z',
    ]);
    expect(lines()).toEqual([`GET ${one}`, eventsRequest()]);
  });

  test("is told with all that drifted, and with the last of those who changed it", async () => {
    const events = [
      updated({ by: "second", at: "2026-11-22T12:00:00Z" }),
      updated({ by: "first", at: "2026-11-22T11:00:00Z" }),
      created(),
    ];
    await refreshDrifted(events, {
      name: "x",
      expires: "2032-01-01T00:00:00Z",
      fixed_data: { a: 1 },
      single_use: true,
      flow: flowPk,
      flow_obj: flowBody(),
    });
    expect(told()).toEqual([
      'Invitation "jane": name, expires, fixedData, singleUse, flow changed outside Pulumi, last by second on 2026-11-22T12:00:00Z',
    ]);
  });

  test("of the expiry that validFor led to is told as one of expires", async () => {
    answer("GET", one, 200, invitationBody({ expires: "2032-01-01T00:00:00Z" }));
    answer("GET", eventsPath, 200, pageBody([updated()]));
    await refresh(invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" }));
    expect(told()).toEqual([
      'Invitation "jane": expires changed outside Pulumi, last by akadmin on 2026-11-22T08:59:51Z',
    ]);
  });

  test.each<[string, Body[]]>([
    ["no event", []],
    ["only its creation and uses", [used(), created()]],
    ["only events of others that mention it", [updated({ of: hexOfAnother }), updated({ of: `x${hexOfAnother}` })]],
  ])("that the log shows %s of is told without a name", async (_what, events) => {
    await refreshDrifted(events);
    expect(told()).toEqual(['Invitation "jane": fixedData changed outside Pulumi']);
  });

  test("is looked up once a drifted object, and not at all for the others", async () => {
    const states = [1, 2, 3].map((count) => `dddddddd-1111-4000-8000-00000000000${count}`);
    for (const [index, other] of states.entries()) {
      answer(
        "GET",
        `/stages/invitation/invitations/${other}/`,
        200,
        invitationBody({ pk: other, single_use: index > 0 }),
      );
    }
    answer("GET", eventsPath, 200, pageBody([]), { times: 2 });
    for (const other of states) await invitationProvider.read(invitationId(other), invitationState({ pk: other }));
    expect(lines().filter((line) => line.includes(eventsPath))).toEqual(
      states.slice(1).map((other) => eventsRequest(other)),
    );
    expect(told()).toHaveLength(2);
  });

  test("of a stage is told, too", async () => {
    answer("GET", stage, 200, stageBody({ continue_flow_without_invitation: true, name: "x" }));
    answer("GET", eventsPath, 200, pageBody([updated({ of: stagePk.replaceAll("-", "") })]));
    await invitationStageProvider.read(stagePk, stageState());
    expect(told()).toEqual([
      'Invitation stage "invitation": name, continueFlowWithoutInvitation changed outside Pulumi, last by akadmin on 2026-11-22T08:59:51Z',
    ]);
    expect(lines()).toEqual([`GET ${stage}`, eventsRequest(stagePk)]);
  });

  test("that is none is not looked up: another spelling, or a read by get", async () => {
    answer("GET", one, 200, invitationBody({ fixed_data: { a: 1 } }), { times: 2 });
    await invitationProvider.read(invitationId(pk), { pk });
    await refresh(invitationState({ name: " jane ", expires: "2031-05-06T09:08:09+02:00", fixedData: { a: 1 } }));
    answer("GET", stage, 200, stageBody({ name: "whatever" }));
    await invitationStageProvider.read(stagePk, {});
    expect(told()).toEqual([]);
    expect(lines()).toHaveLength(3);
  });
});

describe("a deletion", () => {
  test("of a stage is told with who and when, for one request", async () => {
    answer("GET", stage, 404, { detail: "No InvitationStage matches the given query." });
    answer("GET", eventsPath, 200, pageBody([deleted({ of: stagePk.replaceAll("-", "") })]));
    expect(await invitationStageProvider.read(stagePk, stageState())).toEqual({});
    expect(told()).toEqual(['Invitation stage "invitation": deleted by akadmin on 2026-11-22T08:59:51Z']);
    expect(lines()).toEqual([`GET ${stage}`, eventsRequest(stagePk)]);
  });

  test("of a stage is one, whatever the log answers", async () => {
    answer("GET", stage, 404, gone);
    answer("GET", eventsPath, 500, htmlPage);
    expect(await invitationStageProvider.read(stagePk, stageState())).toEqual({});
    expect(told()).toEqual(['Invitation stage "invitation": deleted outside Pulumi']);
  });

  test("of what get reads is nobody's drift", async () => {
    answer("GET", one, 404, gone);
    answer("GET", stage, 404, gone);
    await invitationProvider.read(invitationId(pk), { pk }).catch(() => undefined);
    await invitationStageProvider.read(stagePk, {}).catch(() => undefined);
    expect(lines()).toEqual([`GET ${one}`, `GET ${stage}`]);
    expect(told()).toEqual([]);
  });
});

describe("an event log that does not answer", () => {
  test.each<[string, number, Body | string]>([
    ["fails", 500, htmlPage],
    ["is not there", 404, htmlPage],
    ["answers in a form that nobody knows", 200, { results: [{ pk }] }],
  ])("and %s is no reason for a refresh to fail", async (_what, status, body) => {
    answer("GET", one, 200, invitationBody({ single_use: true }));
    answer("GET", eventsPath, status, body);
    expect((await refresh(invitationState())).props).toMatchObject({ singleUse: true });
    expect(told()).toEqual(['Invitation "jane": singleUse changed outside Pulumi']);
  });

  test("for want of a permission is told of once, and asked once, however many drift at once", async () => {
    answer("GET", one, 200, invitationBody({ single_use: true }), { times: 3 });
    answer("GET", stage, 200, stageBody({ name: "x" }));
    answer("GET", eventsPath, 403, noPermission);
    answer("GET", "/core/users/me/", 200, meBody);
    await refresh(invitationState());
    await Promise.all([
      refresh(invitationState()),
      refresh(invitationState()),
      invitationStageProvider.read(stagePk, stageState()),
    ]);
    const hints = told().filter((line) => line.includes("authentik_events.view_event"));
    expect(hints).toEqual([
      "authentik's event log cannot be read: with the permission authentik_events.view_event the token's user could see who changes, deletes and uses what Pulumi manages.",
    ]);
    expect(told()).toHaveLength(5);
  });

  test("for want of a permission is told of once though several ask at the same time", async () => {
    answer("GET", one, 200, invitationBody({ single_use: true }), { times: 3 });
    answer("GET", eventsPath, 403, noPermission, { times: 3 });
    answer("GET", "/core/users/me/", 200, meBody);
    await Promise.all([1, 2, 3].map(() => refresh(invitationState())));
    expect(told().filter((line) => line.includes("permission"))).toHaveLength(1);
    expect(told().filter((line) => line.includes("outside Pulumi"))).toHaveLength(3);
  });

  test("for a bad token is no hint at a permission", async () => {
    answer("GET", one, 200, invitationBody({ single_use: true }));
    answer("GET", eventsPath, 403, badToken);
    answer("GET", "/core/users/me/", 403, badToken);
    await refresh(invitationState());
    expect(told()).toEqual(['Invitation "jane": singleUse changed outside Pulumi']);
  });
});

describe("authentik:attribution: false", () => {
  beforeEach(() => configureWith(invitationProvider, freshSettings({ "authentik:attribution": "false" })));

  test("tells what drifted and asks for nobody", async () => {
    answer("GET", one, 200, invitationBody({ single_use: true }));
    await refresh(invitationState());
    answer("GET", stage, 200, stageBody({ name: "x" }));
    await invitationStageProvider.read(stagePk, stageState());
    answer("GET", stage, 404, gone);
    await invitationStageProvider.read(stagePk, stageState());
    expect(lines()).toEqual([`GET ${one}`, `GET ${stage}`, `GET ${stage}`]);
    expect(told()).toEqual([
      'Invitation "jane": singleUse changed outside Pulumi',
      'Invitation stage "invitation": name changed outside Pulumi',
      'Invitation stage "invitation": deleted outside Pulumi',
    ]);
  });

  test("still asks what became of an invitation that is gone, and names nobody", async () => {
    answer("GET", one, 404, gone);
    answer("GET", eventsPath, 200, pageBody([deleted(), created()]));
    expect(await invitationProvider.read(invitationId(pk), invitationState({ singleUse: true }))).toEqual({});
    expect(told()).toEqual(['Invitation "jane": deleted outside Pulumi']);
  });
});

test("a flow that is gone from an invitation is told, with what it means", async () => {
  answer("GET", one, 200, invitationBody());
  answer("GET", eventsPath, 200, pageBody([]));
  await refresh(invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" }));
  expect(told()).toEqual([
    'Invitation "jane": flow changed outside Pulumi',
    'Invitation "jane": its flow is gone from it, as when a flow is deleted, and now any flow with an invitation stage takes it, until `pulumi up` puts that right.',
  ]);
  warn.mockClear();
  answer("GET", one, 200, invitationToFlow());
  await refresh(invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" }));
  expect(told()).toEqual([]);
});
