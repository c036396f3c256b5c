import {
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { formatUserAgent } from "../../provider/authentik/user-agent";
import { invitationId } from "../../provider/common/pk";
import { createdEvent, deletedEvent, eventsPath, eventsRequest, updatedEvent, usedEvent } from "./support/events";
import {
  configureWith,
  expectAllMocksUsed,
  freshSettings,
  mockResponse,
  requestLines,
  resetHttpMocks,
} from "./support/http-mocks";
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

const invitationPath = `/stages/invitation/invitations/${pk}/`;
const stagePath = `/stages/invitation/stages/${stagePk}/`;
const otherPkHex = otherPk.replaceAll("-", "");

const warn = jest.spyOn(console, "warn").mockImplementation();
const warnings = (): string[] => warn.mock.calls.map(([line]) => String(line));

beforeEach(async () => {
  resetHttpMocks();
  warn.mockClear();
  await configureWith(invitationProvider, freshSettings());
});
afterEach(() => {
  expectAllMocksUsed();
  // Warnings about an invitation contain its name, never its pk.
  for (const spelling of [pk, pk.replaceAll("-", "")]) expect(warnings().join()).not.toContain(spelling);
});

const stageState = (changes: Properties = {}): Properties => ({
  pk: stagePk,
  name: "invitation",
  continueFlowWithoutInvitation: false,
  ...changes,
});

async function refreshDrifted(
  events?: readonly Body[],
  changes: Body = { fixed_data: { changed: true } },
): Promise<void> {
  mockResponse("GET", invitationPath, 200, invitationBody(changes));
  if (events) mockResponse("GET", eventsPath, 200, pageBody(events));
  await refresh(invitationState());
}

describe("a change outside Pulumi", () => {
  test("is reported with the user and time, for one request", async () => {
    await refreshDrifted([
      updatedEvent({ username: "mallory", created: "2026-11-22T10:11:12.131415Z" }),
      createdEvent(),
    ]);
    expect(warnings()).toEqual([
      'Invitation "jane": fixedData changed outside Pulumi, last by mallory on 2026-11-22T10:11:12Z',
    ]);
    expect(requestLines()).toEqual([`GET ${invitationPath}`, eventsRequest(pk, "model_updated")]);
  });

  test("is reported with all changed properties and the user who changed the object last", async () => {
    const events = [
      updatedEvent({ username: "second", created: "2026-11-22T12:00:00Z" }),
      updatedEvent({ username: "first", created: "2026-11-22T11:00:00Z" }),
      createdEvent(),
    ];
    await refreshDrifted(events, {
      name: "x",
      expires: "2032-01-01T00:00:00Z",
      fixed_data: { a: 1 },
      single_use: true,
      flow: flowPk,
      flow_obj: flowBody(),
    });
    expect(warnings()).toEqual([
      'Invitation "jane": name, expires, fixedData, singleUse, flow changed outside Pulumi, last by second on 2026-11-22T12:00:00Z',
    ]);
  });

  test("is reported as expires if the expiry was set through validFor", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: "2032-01-01T00:00:00Z" }));
    mockResponse("GET", eventsPath, 200, pageBody([updatedEvent()]));
    await refresh(invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" }));
    expect(warnings()).toEqual([
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
    await refreshDrifted(events);
    expect(warnings()).toEqual(['Invitation "jane": fixedData changed outside Pulumi']);
  });

  test("is looked up once per drifted object, and not for unchanged ones", async () => {
    const pks = [1, 2, 3].map((number) => `dddddddd-1111-4000-8000-00000000000${number}`);
    for (const [index, objectPk] of pks.entries()) {
      mockResponse(
        "GET",
        `/stages/invitation/invitations/${objectPk}/`,
        200,
        invitationBody({ pk: objectPk, single_use: index > 0 }),
      );
    }
    mockResponse("GET", eventsPath, 200, pageBody([]), { times: 2 });
    for (const objectPk of pks)
      await invitationProvider.read(invitationId(objectPk), invitationState({ pk: objectPk }));
    expect(requestLines().filter((line) => line.includes(eventsPath))).toEqual(
      pks.slice(1).map((objectPk) => eventsRequest(objectPk, "model_updated")),
    );
    expect(warnings()).toHaveLength(2);
  });

  test("is reported for a stage", async () => {
    mockResponse("GET", stagePath, 200, stageBody({ continue_flow_without_invitation: true, name: "x" }));
    mockResponse("GET", eventsPath, 200, pageBody([updatedEvent({ objectPk: stagePk.replaceAll("-", "") })]));
    await invitationStageProvider.read(stagePk, stageState());
    expect(warnings()).toEqual([
      'Invitation stage "invitation": name, continueFlowWithoutInvitation changed outside Pulumi, last by akadmin on 2026-11-22T08:59:51Z',
    ]);
    expect(requestLines()).toEqual([`GET ${stagePath}`, eventsRequest(stagePk, "model_updated")]);
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
  const origin = "dev/0123456789/0123456789ab";
  const userAgentOf = (source: string): string => formatUserAgent(source, "aaaaaaaaaaaa");
  const useStack = (): Promise<void> => {
    const settings = freshSettings();
    return invitationProvider.configure({
      config: { get: (key) => settings[key] },
      program: { project: "team", stack: "dev" },
    });
  };

  async function warnAfter(events: readonly Body[], state: Properties = { __origin: origin }): Promise<string[]> {
    await useStack();
    warn.mockClear();
    mockResponse("GET", invitationPath, 200, invitationBody({ fixed_data: { changed: true } }));
    mockResponse("GET", eventsPath, 200, pageBody(events));
    await refresh(invitationState(state));
    return warnings();
  }

  const admin = updatedEvent({ username: "mallory", created: "2026-11-22T10:11:12Z", userAgent: "Mozilla/5.0" });
  const ownUpdate = (source: string): Body =>
    updatedEvent({ username: "pulumi", created: "2026-11-22T12:00:00Z", userAgent: userAgentOf(source) });
  const byMallory = 'Invitation "jane": fixedData changed outside Pulumi, last by mallory on 2026-11-22T10:11:12Z';
  const byUnknown = 'Invitation "jane": fixedData changed outside Pulumi';

  test.each(["team/dev", "team/dev; 0123456789", "team/dev; ffffffffff"])(
    "is skipped if this stack sent it: %j",
    async (source) => {
      expect(await warnAfter([ownUpdate(source), admin])).toEqual([byMallory]);
      expect(await warnAfter([ownUpdate(source), createdEvent()])).toEqual([byUnknown]);
    },
  );

  test.each(["team/dev2; 0123456789", "team/prod", "other/dev; 0123456789", "myteam/dev"])(
    "is reported if another stack sent it: %j",
    async (source) => {
      expect(await warnAfter([ownUpdate(source), admin])).toEqual([
        'Invitation "jane": fixedData changed outside Pulumi, last by pulumi on 2026-11-22T12:00:00Z',
      ]);
    },
  );

  test("is skipped if a version without origins sent it, or if the state has no origin", async () => {
    const old = updatedEvent({ userAgent: "pulumi-authentik-invitations/0.1.0 node/20.20.2" });
    expect(await warnAfter([old, admin])).toEqual([byMallory]);
    expect(await warnAfter([ownUpdate("other/dev; 0123456789"), admin], {})).toEqual([byMallory]);
  });

  test("is named as an earlier run of this stack if it deleted the object", async () => {
    await useStack();
    const objectPk = stagePk.replaceAll("-", "");
    for (const [source, warning] of [
      ["team/dev; 0123456789", "deleted by an earlier run of this stack, by akadmin on 2026-11-22T08:59:51Z"],
      ["team/prod; 0123456789", "deleted by akadmin on 2026-11-22T08:59:51Z"],
    ] as const) {
      warn.mockClear();
      mockResponse("GET", stagePath, 404, notFoundBody);
      mockResponse("GET", eventsPath, 200, pageBody([deletedEvent({ objectPk, userAgent: userAgentOf(source) })]));
      expect(await invitationStageProvider.read(stagePk, stageState({ __origin: origin }))).toEqual({});
      expect(warnings()).toEqual([`Invitation stage "invitation": ${warning}`]);
    }
  });
});

describe("a deletion outside Pulumi", () => {
  test("is reported for a stage with the user and time, for one request", async () => {
    mockResponse("GET", stagePath, 404, { detail: "No InvitationStage matches the given query." });
    mockResponse("GET", eventsPath, 200, pageBody([deletedEvent({ objectPk: stagePk.replaceAll("-", "") })]));
    expect(await invitationStageProvider.read(stagePk, stageState())).toEqual({});
    expect(warnings()).toEqual(['Invitation stage "invitation": deleted by akadmin on 2026-11-22T08:59:51Z']);
    expect(requestLines()).toEqual([`GET ${stagePath}`, eventsRequest(stagePk, "model_deleted")]);
  });

  test("is reported for a stage even if the event log fails", async () => {
    mockResponse("GET", stagePath, 404, notFoundBody);
    mockResponse("GET", eventsPath, 500, htmlPage);
    expect(await invitationStageProvider.read(stagePk, stageState())).toEqual({});
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
  ])("that %s does not fail the refresh", async (_case, status, body) => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: true }));
    mockResponse("GET", eventsPath, status, body);
    expect((await refresh(invitationState())).props).toMatchObject({ singleUse: true });
    expect(warnings()).toEqual(['Invitation "jane": singleUse changed outside Pulumi']);
  });

  test("is reported and requested once if the permission is missing, however many objects drift", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: true }), { times: 3 });
    mockResponse("GET", stagePath, 200, stageBody({ name: "x" }));
    mockResponse("GET", eventsPath, 403, permissionDeniedBody);
    mockResponse("GET", "/core/users/me/", 200, meBody);
    await refresh(invitationState());
    await Promise.all([
      refresh(invitationState()),
      refresh(invitationState()),
      invitationStageProvider.read(stagePk, stageState()),
    ]);
    const permissionWarnings = warnings().filter((line) => line.includes("authentik_events.view_event"));
    expect(permissionWarnings).toEqual([
      "The token's user is not allowed to read authentik's event log. Grant the permission authentik_events.view_event to see who changed, deleted or used the objects that Pulumi manages. It also allows reading every email that authentik sends, including recovery links.",
    ]);
    expect(warnings()).toHaveLength(5);
  });

  test("is reported once if the permission is missing for several concurrent refreshes", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: true }), { times: 3 });
    mockResponse("GET", eventsPath, 403, permissionDeniedBody, { times: 3 });
    mockResponse("GET", "/core/users/me/", 200, meBody);
    await Promise.all([1, 2, 3].map(() => refresh(invitationState())));
    expect(warnings().filter((line) => line.includes("permission"))).toHaveLength(1);
    expect(warnings().filter((line) => line.includes("outside Pulumi"))).toHaveLength(3);
  });

  test("is not reported as a missing permission if the token is invalid", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: true }));
    mockResponse("GET", eventsPath, 403, invalidTokenBody);
    mockResponse("GET", "/core/users/me/", 403, invalidTokenBody);
    await refresh(invitationState());
    expect(warnings()).toEqual(['Invitation "jane": singleUse changed outside Pulumi']);
  });
});

describe("authentik:attribution: false", () => {
  beforeEach(() => configureWith(invitationProvider, freshSettings({ "authentik:attribution": "false" })));

  test("reports drift without requesting the event log", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: true }));
    await refresh(invitationState());
    mockResponse("GET", stagePath, 200, stageBody({ name: "x" }));
    await invitationStageProvider.read(stagePk, stageState());
    mockResponse("GET", stagePath, 404, notFoundBody);
    await invitationStageProvider.read(stagePk, stageState());
    expect(requestLines()).toEqual([`GET ${invitationPath}`, `GET ${stagePath}`, `GET ${stagePath}`]);
    expect(warnings()).toEqual([
      'Invitation "jane": singleUse changed outside Pulumi',
      'Invitation stage "invitation": name changed outside Pulumi',
      'Invitation stage "invitation": deleted outside Pulumi',
    ]);
  });

  test("still looks up why an invitation was deleted, and reports no user", async () => {
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", eventsPath, 200, pageBody([deletedEvent(), createdEvent()]));
    expect(await invitationProvider.read(invitationId(pk), invitationState({ singleUse: true }))).toEqual({});
    expect(warnings()).toEqual(['Invitation "jane": deleted outside Pulumi']);
  });
});

test("a removed flow is reported, with the consequence", async () => {
  mockResponse("GET", invitationPath, 200, invitationBody());
  mockResponse("GET", eventsPath, 200, pageBody([]), { times: 2 });
  await refresh(invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" }));
  expect(warnings()).toEqual([
    'Invitation "jane": flow changed outside Pulumi',
    'Invitation "jane": its flow was removed (this happens when a flow is deleted). Until `pulumi up` restores it, any flow with an invitation stage accepts this invitation.',
  ]);
  warn.mockClear();
  mockResponse("GET", invitationPath, 200, invitationBodyWithFlow());
  await refresh(invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" }));
  expect(warnings()).toEqual([]);
});

describe("a deleted flow, which authentik removes from its invitations without an event for them,", () => {
  const flowState = (changes: Properties = {}): Properties =>
    invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment", ...changes });
  const flowDeleted = deletedEvent({ objectPk: flowPk.replaceAll("-", ""), username: "mallory", model: "flow" });

  test("is reported with the user who deleted it, from the flow's events", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody());
    mockResponse("GET", eventsPath, 200, pageBody([createdEvent()]));
    mockResponse("GET", eventsPath, 200, pageBody([flowDeleted]));
    await refresh(flowState());
    expect(requestLines()).toEqual([
      `GET ${invitationPath}`,
      eventsRequest(pk, "model_updated"),
      eventsRequest(flowPk, "model_deleted"),
    ]);
    expect(warnings()).toEqual([
      'Invitation "jane": flow changed outside Pulumi',
      'Invitation "jane": its flow was removed (the flow was deleted by mallory on 2026-11-22T08:59:51Z). Until `pulumi up` restores it, any flow with an invitation stage accepts this invitation.',
    ]);
  });

  test("is reported as an earlier run of this stack if that deleted it", async () => {
    const settings = freshSettings();
    await invitationProvider.configure({
      config: { get: (key) => settings[key] },
      program: { project: "team", stack: "dev" },
    });
    const userAgent = formatUserAgent("team/dev; ffffffffff", "aaaaaaaaaaaa");
    mockResponse("GET", invitationPath, 200, invitationBody());
    mockResponse("GET", eventsPath, 200, pageBody([createdEvent()]));
    const objectPk = flowPk.replaceAll("-", "");
    mockResponse("GET", eventsPath, 200, pageBody([deletedEvent({ objectPk, model: "flow", userAgent })]));
    await refresh(flowState({ __origin: "dev/0123456789/0123456789ab" }));
    expect(warnings()[1]).toContain(
      "(the flow was deleted by an earlier run of this stack, by akadmin on 2026-11-22T08:59:51Z)",
    );
  });

  test("is reported without a user if attribution is disabled: no request is sent to the event log", async () => {
    await configureWith(invitationProvider, freshSettings({ "authentik:attribution": "false" }));
    mockResponse("GET", invitationPath, 200, invitationBody());
    await refresh(flowState());
    expect(warnings()[1]).toContain("its flow was removed (this happens when a flow is deleted)");
  });
});
