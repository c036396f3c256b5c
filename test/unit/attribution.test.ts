import {
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { formatUserAgent } from "../../provider/authentik/user-agent";
import { invitationId } from "../../provider/common/pk";
import { createdEvent, deletedEvent, eventsPath, eventsRequest, updatedEvent, usedEvent } from "./support/events";
import { configureWith, freshSettings, mockResponse, requestLines, useHttpMocks } from "./support/http-mocks";
import { invitationState, type Properties, refresh } from "./support/invitation";
import {
  type Body,
  flowBody,
  flowPk,
  htmlPage,
  invalidTokenBody,
  invitationBody,
  invitationBodyWithFlow,
  meBody,
  notFoundBody,
  otherPk,
  pageBody,
  permissionDeniedBody,
  pk,
  stageBody,
  stagePk,
} from "./support/response-bodies";
import { takeWarnings, warnings } from "./support/warnings";

const invitationPath = `/stages/invitation/invitations/${pk}/`;
const stagePath = `/stages/invitation/stages/${stagePk}/`;
const stagePkHex = stagePk.replaceAll("-", "");
const otherPkHex = otherPk.replaceAll("-", "");
const origin = "dev/0123456789/0123456789ab";
const userAgentOf = (source: string): string => formatUserAgent(source, "aaaaaaaaaaaa");
// Who changed or deleted what, and the setting attribution, is proven by test/engine/retired.test.ts.
const unattributed = 'Invitation "jane": fixedData changed outside Pulumi';

useHttpMocks(invitationProvider);
// Warnings about an invitation contain its name, never its pk.
afterEach(() => {
  for (const spelling of [pk, pk.replaceAll("-", "")]) expect(warnings().join()).not.toContain(spelling);
});

/** Configures the provider for the stack `team/dev`. */
function useStack(): Promise<void> {
  const settings = freshSettings();
  const program = { project: "team", stack: "dev" };
  return invitationProvider.configure({ config: { get: (key) => settings[key] }, program });
}

function mockEvents(...events: readonly Body[]): void {
  mockResponse("GET", eventsPath, 200, pageBody(events));
}

/** Refreshes an invitation in this state after these changes, and returns the warnings. */
async function refreshDrifted(
  events?: readonly Body[],
  changes: Body = { fixed_data: { changed: true } },
  state: Properties = {},
): Promise<string[]> {
  mockResponse("GET", invitationPath, 200, invitationBody(changes));
  if (events) mockEvents(...events);
  await refresh(invitationState(state));
  return takeWarnings();
}

/** Refreshes a stage that has this response, as an object or its absence. */
function readStage(changes: Body | undefined, state: Properties = {}): Promise<object> {
  mockResponse("GET", stagePath, changes ? 200 : 404, changes ? stageBody(changes) : notFoundBody);
  return invitationStageProvider.read(stagePk, {
    pk: stagePk,
    name: "invitation",
    continueFlowWithoutInvitation: false,
    ...state,
  });
}

describe("a change outside Pulumi", () => {
  test("is reported with all changed properties and the user who changed the object last, for one request", async () => {
    const events = [
      updatedEvent({ username: "second", created: "2026-11-22T12:11:12.131415Z" }),
      updatedEvent({ username: "first", created: "2026-11-22T11:00:00Z" }),
      createdEvent(),
    ];
    const changes = { name: "x", expires: "2032-01-01T00:00:00Z", fixed_data: { a: 1 }, single_use: true };
    expect(await refreshDrifted(events, { ...changes, flow: flowPk, flow_obj: flowBody() })).toEqual([
      'Invitation "jane": name, expires, fixedData, singleUse, flow changed outside Pulumi, last by second on 2026-11-22T12:11:12Z',
    ]);
    expect(requestLines()).toEqual([`GET ${invitationPath}`, eventsRequest(pk, "model_updated")]);
  });

  test("is reported as expires if the expiry was set through validFor", async () => {
    const state = { validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" };
    expect(await refreshDrifted([updatedEvent()], { expires: "2032-01-01T00:00:00Z" }, state)).toEqual([
      'Invitation "jane": expires changed outside Pulumi, last by akadmin on 2026-11-22T08:59:51Z',
    ]);
  });

  test.each<[string, Body[]]>([
    ["no events", []],
    ["only creation and use events", [usedEvent(), createdEvent()]],
    [
      "only events of other objects that mention the pk",
      [updatedEvent({ objectPk: otherPkHex }), updatedEvent({ objectPk: `x${otherPkHex}` })],
    ],
  ])("is reported without a user if the event log has %s", async (_case, events) => {
    expect(await refreshDrifted(events)).toEqual([unattributed]);
  });

  test("is neither another spelling of the same value nor a read by get", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ fixed_data: { a: 1 } }), { times: 2 });
    await invitationProvider.read(invitationId(pk), { pk });
    await refresh(invitationState({ name: " jane ", expires: "2031-05-06T09:08:09+02:00", fixedData: { a: 1 } }));
    mockResponse("GET", stagePath, 200, stageBody({ name: "whatever" }));
    await invitationStageProvider.read(stagePk, {});
    expect(warnings()).toEqual([]);
    expect(requestLines()).toHaveLength(3);
  });
});

describe("an event of this provider", () => {
  const admin = updatedEvent({ username: "mallory", created: "2026-11-22T10:11:12Z", userAgent: "Mozilla/5.0" });
  const ownUpdate = (source: string): Body =>
    updatedEvent({ username: "pulumi", created: "2026-11-22T12:00:00Z", userAgent: userAgentOf(source) });
  const byMallory = `${unattributed}, last by mallory on 2026-11-22T10:11:12Z`;
  const byPulumi = `${unattributed}, last by pulumi on 2026-11-22T12:00:00Z`;
  const old = updatedEvent({ userAgent: "pulumi-authentik-invitations/0.1.0 node/20.20.2" });

  beforeEach(useStack);

  test.each<[string, Body, Properties]>([
    ...["team/dev", "team/dev; 0123456789", "team/dev; ffffffffff"].map((source): [string, Body, Properties] => [
      `this stack sent it: ${source}`,
      ownUpdate(source),
      { __origin: origin },
    ]),
    ["a version without origins sent it", old, { __origin: origin }],
    ["the state has no origin", ownUpdate("other/dev; 0123456789"), {}],
  ])("is skipped if %s", async (_case, event, state) => {
    expect(await refreshDrifted([event, admin], undefined, state)).toEqual([byMallory]);
    expect(await refreshDrifted([event, createdEvent()], undefined, state)).toEqual([unattributed]);
  });

  test.each(["team/dev2; 0123456789", "team/prod", "other/dev; 0123456789", "myteam/dev"])(
    "is reported if another stack sent it: %j",
    async (source) => {
      const events = [ownUpdate(source), admin];
      expect(await refreshDrifted(events, undefined, { __origin: origin })).toEqual([byPulumi]);
    },
  );

  test("is named as an earlier run of this stack if it deleted the object", async () => {
    for (const [source, earlierRun] of [
      ["team/dev; 0123456789", "an earlier run of this stack, by "],
      ["team/prod; 0123456789", ""],
    ] as const) {
      mockEvents(deletedEvent({ objectPk: stagePkHex, userAgent: userAgentOf(source) }));
      expect(await readStage(undefined, { __origin: origin })).toEqual({});
      const warning = `deleted by ${earlierRun}akadmin on 2026-11-22T08:59:51Z`;
      expect(takeWarnings()).toEqual([`Invitation stage "invitation": ${warning}`]);
    }
    expect(requestLines().slice(0, 2)).toEqual([`GET ${stagePath}`, eventsRequest(stagePk, "model_deleted")]);
  });
});

describe("a deletion outside Pulumi", () => {
  test("is reported for a stage even if the event log fails", async () => {
    mockResponse("GET", eventsPath, 500, htmlPage);
    expect(await readStage(undefined)).toEqual({});
    expect(warnings()).toEqual(['Invitation stage "invitation": deleted outside Pulumi']);
  });

  test("is not reported for an object that get reads", async () => {
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", stagePath, 404, notFoundBody);
    await invitationProvider.read(invitationId(pk), { pk }).catch(() => undefined);
    await invitationStageProvider.read(stagePk, {}).catch(() => undefined);
    expect(requestLines()).toEqual([`GET ${invitationPath}`, `GET ${stagePath}`]);
    expect(warnings()).toEqual([]);
  });
});

describe("a failing event log", () => {
  test.each<[string, number, Body | string]>([
    ["returns 500", 500, htmlPage],
    ["does not exist", 404, htmlPage],
    ["returns an unexpected body", 200, { results: [{ pk }] }],
    // Which is not reported as a missing permission.
    ["rejects the token", 403, invalidTokenBody],
  ])("that %s does not fail the refresh", async (_case, status, body) => {
    mockResponse("GET", eventsPath, status, body);
    if (status === 403) mockResponse("GET", "/core/users/me/", 403, invalidTokenBody);
    expect(await refreshDrifted()).toEqual([unattributed]);
  });

  test("is requested once if the permission is missing, however many objects drift, and reported once for concurrent refreshes", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: true }), { times: 3 });
    mockResponse("GET", eventsPath, 403, permissionDeniedBody, { times: 3 });
    mockResponse("GET", "/core/users/me/", 200, meBody);
    await Promise.all([1, 2, 3].map(() => refresh(invitationState())));
    expect(warnings().filter((line) => line.includes("outside Pulumi"))).toHaveLength(3);
    expect(takeWarnings().filter((line) => line.includes("permission"))).toEqual([
      "The token's user is not allowed to read authentik's event log. Grant the permission authentik_events.view_event to see who changed, deleted or used the objects that Pulumi manages. It also allows reading every email that authentik sends, including recovery links.",
    ]);
    expect(await refreshDrifted()).toEqual([unattributed]);
    await readStage({ name: "x" });
    expect(warnings()).toEqual(['Invitation stage "invitation": name changed outside Pulumi']);
  });
});

describe("a removed flow, which a deletion causes without an event for the invitation,", () => {
  const state = { flow: "enrollment", flowPk, flowSlug: "enrollment" };
  const warningsFor = (cause: string): string[] => [
    'Invitation "jane": flow changed outside Pulumi',
    `Invitation "jane": its flow was removed (${cause}). Until \`pulumi up\` restores it, any flow with an invitation stage accepts this invitation.`,
  ];
  const unknownCause = warningsFor("this happens when a flow is deleted");

  test("is reported with the consequence, and not if the invitation still has it", async () => {
    mockResponse("GET", eventsPath, 200, pageBody([]), { times: 2 });
    expect(await refreshDrifted(undefined, {}, state)).toEqual(unknownCause);
    mockResponse("GET", invitationPath, 200, invitationBodyWithFlow());
    await refresh(invitationState(state));
    expect(warnings()).toEqual([]);
  });

  test("is reported with an earlier run of this stack if that deleted it, from the flow's events", async () => {
    await useStack();
    mockEvents(createdEvent());
    const flowEvent = { objectPk: flowPk.replaceAll("-", ""), model: "flow" };
    mockEvents(deletedEvent({ ...flowEvent, userAgent: userAgentOf("team/dev; ffffffffff") }));
    expect(await refreshDrifted(undefined, {}, { ...state, __origin: origin })).toEqual(
      warningsFor("the flow was deleted by an earlier run of this stack, by akadmin on 2026-11-22T08:59:51Z"),
    );
    expect(requestLines()).toEqual([
      `GET ${invitationPath}`,
      eventsRequest(pk, "model_updated"),
      eventsRequest(flowPk, "model_deleted"),
    ]);
  });

  test("is reported without a user if attribution is disabled: no request is sent to the event log", async () => {
    await configureWith(invitationProvider, freshSettings({ "authentik:attribution": "false" }));
    expect(await refreshDrifted(undefined, {}, state)).toEqual(unknownCause);
  });
});
