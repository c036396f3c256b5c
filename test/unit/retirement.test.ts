import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { invitationId } from "../../provider/common/pk";
import { catchError } from "./support/catch-error";
import {
  cleanedUpEvent,
  createdEvent,
  deletedByExecutorEvent,
  deletedEvent,
  eventsPath,
  eventsRequest,
  usedEvent,
} from "./support/events";
import {
  configureWith,
  expectAllMocksUsed,
  freshSettings,
  mockResponse,
  requestLines,
  resetHttpMocks,
} from "./support/http-mocks";
import { diffInvitation, invitationInputs, invitationState, type Properties, refresh } from "./support/invitation";
import {
  type Body,
  htmlPage,
  invitationBody,
  meBody,
  notFoundBody,
  otherPk,
  pageBody,
  permissionDeniedBody,
  pk,
} from "./support/response-bodies";

const invitationPath = `/stages/invitation/invitations/${pk}/`;
const id = invitationId(pk);
const pastExpiry = "2026-11-22T08:30:00Z";
const otherPkHex = otherPk.replaceAll("-", "");

const warn = jest.spyOn(console, "warn").mockImplementation();
const warnings = (): string[] => warn.mock.calls.map(([line]) => String(line));

beforeEach(async () => {
  resetHttpMocks();
  warn.mockClear();
  await configureWith(invitationProvider, freshSettings());
});
afterEach(expectAllMocksUsed);

const singleUse = (changes: Properties = {}): Properties => invitationState({ singleUse: true, ...changes });
const multiUse = (changes: Properties = {}): Properties => invitationState(changes);

/** Refreshes an invitation that authentik has deleted. Returns how it was retired, or "drift" if it has to be recreated. */
async function refreshDeleted(state: Properties, events?: readonly Body[]): Promise<Properties | "drift"> {
  mockResponse("GET", invitationPath, 404, notFoundBody);
  if (events) mockResponse("GET", eventsPath, 200, pageBody(events));
  const result = await invitationProvider.read(id, state);
  if (result.id === undefined) {
    expect(result).toEqual({});
    return "drift";
  }
  expect(result.id).toBe(id);
  const { status, retiredAt, gone: isGone, ...otherOutputs } = result.props as Properties;
  const { status: _status, ...previousOutputs } = state;
  expect(otherOutputs).toEqual(previousOutputs);
  expect(isGone).toBe(true);
  return { status, retiredAt };
}

describe("an invitation deleted before its expiry", () => {
  const useEvents = [deletedByExecutorEvent({ created: "2026-11-22T08:59:50.025595Z" }), usedEvent(), createdEvent()];

  test("counts as used at the time of its use event", async () => {
    expect(await refreshDeleted(singleUse(), useEvents)).toEqual({ status: "used", retiredAt: "2026-11-22T08:59:49Z" });
    expect(requestLines()).toEqual([`GET ${invitationPath}`, eventsRequest()]);
    expect(warnings()).toEqual([]);
  });

  test("counts as used regardless of the order of the events", async () => {
    const reversed = [...useEvents].reverse();
    expect(await refreshDeleted(singleUse(), reversed)).toEqual({ status: "used", retiredAt: "2026-11-22T08:59:49Z" });
  });

  test("counts as used if the flow executor deleted it, even without a use event", async () => {
    const retired = { status: "used", retiredAt: "2026-11-22T08:59:51Z" };
    expect(await refreshDeleted(singleUse(), [deletedByExecutorEvent(), createdEvent()])).toEqual(retired);
    expect(await refreshDeleted(multiUse(), [deletedByExecutorEvent(), createdEvent()])).toEqual(retired);
  });

  test("counts as used if it is single-use and has only a use event", async () => {
    expect(await refreshDeleted(singleUse(), [usedEvent(), createdEvent()])).toMatchObject({ status: "used" });
  });

  test("counts as used if it was made single-use outside Pulumi and then used", async () => {
    expect(await refreshDeleted(multiUse(), useEvents)).toEqual({ status: "used", retiredAt: "2026-11-22T08:59:49Z" });
  });

  test("is drift if a user deleted it, and the warning names the user and time", async () => {
    for (const state of [singleUse(), multiUse()]) {
      expect(await refreshDeleted(state, [deletedEvent(), createdEvent()])).toBe("drift");
    }
    const warning = 'Invitation "jane": deleted by akadmin on 2026-11-22T08:59:51Z';
    expect(warnings()).toEqual([warning, warning]);
  });

  test("is drift if it is multi-use and a user deleted it after a use", async () => {
    expect(await refreshDeleted(multiUse(), [deletedEvent(), usedEvent(), createdEvent()])).toBe("drift");
  });

  test("counts as used if it is single-use and a user deleted it after a use", async () => {
    expect(await refreshDeleted(singleUse(), [deletedEvent(), usedEvent(), createdEvent()])).toMatchObject({
      status: "used",
    });
  });

  test("is drift if its expiry was moved into the past outside Pulumi and the cleanup task deleted it", async () => {
    for (const state of [singleUse(), multiUse()])
      expect(await refreshDeleted(state, [cleanedUpEvent(), createdEvent()])).toBe("drift");
    expect(warnings()[0]).toBe('Invitation "jane": deleted by authentik-shell on 2026-11-22T08:59:51Z');
  });

  test("counts as used now if it is single-use and has no deletion event yet", async () => {
    const before = Date.now();
    for (const events of [[], [createdEvent()]]) {
      const retired = await refreshDeleted(singleUse(), events);
      expect(retired).toEqual({
        status: "used",
        retiredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      });
      const retiredAt = Date.parse(String((retired as Properties)["retiredAt"]));
      expect(retiredAt).toBeGreaterThan(before - 1000);
      expect(retiredAt).toBeLessThanOrEqual(Date.now());
    }
    expect(warnings()).toEqual([]);
  });

  test("is drift if it is multi-use and has no deletion event yet, and the warning names no user", async () => {
    expect(await refreshDeleted(multiUse(), [createdEvent()])).toBe("drift");
    expect(warnings()).toEqual(['Invitation "jane": deleted outside Pulumi']);
  });

  test("is not affected by events of other objects that mention its pk", async () => {
    const mentions = [
      deletedEvent({ objectPk: otherPkHex, path: `/api/v3/stages/invitation/invitations/${pk}/` }),
      usedEvent({ objectPk: otherPkHex }),
      deletedByExecutorEvent({ objectPk: otherPkHex }),
    ];
    expect(await refreshDeleted(singleUse(), mentions)).toMatchObject({ status: "used" });
    expect(await refreshDeleted(multiUse(), mentions)).toBe("drift");
    expect(warnings()).toEqual(['Invitation "jane": deleted outside Pulumi']);
  });

  test("is not affected by events of an unexpected form", async () => {
    const unexpectedEvents = [
      { action: "custom_thing", created: "2026-11-23T00:00:00Z", context: null, user: null },
      { action: "system_task_execution", created: "2026-11-23T00:00:00Z" },
      { action: "model_deleted", created: "2026-11-23T00:00:00Z", context: { model: { pk: 7 } } },
      { ...deletedEvent(), user: null },
    ];
    expect(await refreshDeleted(singleUse(), unexpectedEvents)).toBe("drift");
    expect(warnings()).toEqual(['Invitation "jane": deleted by an unknown user on 2026-11-22T08:59:51Z']);
  });
});

describe("without permission to read the event log", () => {
  function mockDeletedWithoutPermission(): void {
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", eventsPath, 403, permissionDeniedBody);
    mockResponse("GET", "/core/users/me/", 200, meBody);
  }

  test("a deleted single-use invitation counts as used, and the missing permission is reported once per process", async () => {
    mockDeletedWithoutPermission();
    const { props } = await refresh(singleUse());
    expect(props).toMatchObject({ status: "used", gone: true });
    // After the first 403, no further requests are sent to the event log.
    expect(await refreshDeleted(singleUse())).toMatchObject({ status: "used" });
    expect(warnings()).toEqual([expect.stringContaining("permission authentik_events.view_event")]);
  });

  test("a deleted multi-use invitation is drift, and the warning names no user", async () => {
    mockDeletedWithoutPermission();
    expect(await invitationProvider.read(id, multiUse())).toEqual({});
    expect(await refreshDeleted(multiUse())).toBe("drift");
    expect(warnings().slice(1)).toEqual(Array(2).fill('Invitation "jane": deleted outside Pulumi'));
  });
});

describe("a failing event log", () => {
  test.each([
    ["a single-use invitation", singleUse()],
    ["a multi-use invitation", multiUse()],
  ])("fails the refresh of %s, which counts as neither deleted nor used", async (_case, state) => {
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", eventsPath, 500, htmlPage);
    const { message, stack } = await catchError(invitationProvider.read(id, state));
    expect(message).toBe(
      'Could not read the events of invitation "jane": GET /api/v3/events/events/ returned 500: an HTML page. authentik failed. Check the server\'s log, then run again.',
    );
    expect(stack).toBe("");
    expect(warnings()).toEqual([]);
  });
});

describe("an invitation deleted after its expiry", () => {
  const expired = { status: "expired", retiredAt: pastExpiry };

  test("is expired if it is multi-use, without a request to the event log", async () => {
    expect(await refreshDeleted(multiUse({ expires: pastExpiry }))).toEqual(expired);
    expect(requestLines()).toEqual([`GET ${invitationPath}`]);
  });

  test.each<[string, Body[]]>([
    ["the cleanup task deleted it", [cleanedUpEvent(), createdEvent()]],
    ["a user deleted it", [deletedEvent(), createdEvent()]],
    ["authentik 2026.2 rejected its link, which deletes it", [deletedByExecutorEvent(), createdEvent()]],
    ["it has no events", []],
  ])("is expired if it is single-use and %s", async (_case, events) => {
    expect(await refreshDeleted(singleUse({ expires: pastExpiry }), events)).toEqual(expired);
    expect(warnings()).toEqual([]);
  });

  test("counts as used at the time of its use event if it is single-use", async () => {
    expect(
      await refreshDeleted(singleUse({ expires: pastExpiry }), [deletedByExecutorEvent(), usedEvent(), createdEvent()]),
    ).toEqual({
      status: "used",
      retiredAt: "2026-11-22T08:59:49Z",
    });
  });
});

describe("an existing invitation", () => {
  test("is expired as of its expiry, and stays on the server", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: pastExpiry }));
    const { props, inputs } = await refresh(multiUse({ expires: pastExpiry }));
    expect(props).toEqual(multiUse({ expires: pastExpiry, status: "expired", retiredAt: pastExpiry }));
    expect(inputs).toEqual(invitationInputs({ expires: pastExpiry }));
    expect(warnings()).toEqual([]);
  });

  test("has no drift once it has expired", async () => {
    mockResponse(
      "GET",
      invitationPath,
      200,
      invitationBody({ expires: pastExpiry, fixed_data: { changed: true }, single_use: true, name: "x" }),
    );
    const { props } = await refresh(multiUse({ expires: pastExpiry }));
    expect(props).toEqual(multiUse({ expires: pastExpiry, status: "expired", retiredAt: pastExpiry }));
    expect(warnings()).toEqual([]);
  });

  test("is pending again, which is drift, if its expiry was extended outside Pulumi", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: "2031-05-06T07:08:09Z" }));
    mockResponse("GET", eventsPath, 200, pageBody([]));
    const { props } = await refresh(multiUse({ expires: pastExpiry, status: "expired", retiredAt: pastExpiry }));
    expect(props).toEqual(multiUse());
    expect(warnings()).toEqual(['Invitation "jane": expires changed outside Pulumi']);
  });

  test("stays pending, whether or not it was used, if it is multi-use", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody());
    expect((await refresh(multiUse())).props).toEqual(multiUse());
    expect(requestLines()).toEqual([`GET ${invitationPath}`]);
  });
});

describe("a retired invitation", () => {
  const retiredStates: [string, Properties][] = [
    ["used", singleUse({ status: "used", retiredAt: pastExpiry, gone: true })],
    ["expired", multiUse({ status: "expired", expires: pastExpiry, retiredAt: pastExpiry, gone: true })],
  ];

  test.each(retiredStates)("(%s) is neither read nor deleted", async (_case, state) => {
    expect((await refresh(state)).props).toEqual(state);
    await invitationProvider.delete(id, state);
    expect(requestLines()).toEqual([]);
    expect(warnings()).toEqual([]);
  });

  test.each(retiredStates)("(%s) ignores other changes", async (_case, state) => {
    const { expires } = state;
    for (const change of [
      { name: "renamed" },
      { fixedData: { email: "jane@example.com" } },
      { singleUse: false },
      { flow: "enrollment" },
      { onRetired: "keep" },
      { connection: "authentik-staging" },
    ]) {
      expect(await diffInvitation(state, invitationInputs({ expires, ...change }))).toEqual({
        changes: false,
        replaces: [],
      });
    }
  });

  test.each(retiredStates)("(%s) is reissued for changed keepers and for onRetired: reissue", async (_case, state) => {
    const { expires } = state;
    expect(await diffInvitation(state, invitationInputs({ expires, keepers: { round: 2 } }))).toEqual({
      changes: true,
      replaces: ["keepers"],
    });
    const { expires: _expires, ...reissue } = invitationInputs({ validFor: "1d", onRetired: "reissue" });
    const { replaces } = await diffInvitation({ ...state, issuedAt: "2026-11-01T00:00:00Z" }, reissue);
    expect(replaces).toEqual(["onRetired"]);
  });

  test("is reissued for an expiry in the future if it expired, but not if it was used", async () => {
    const getReplaces = async (state: Properties): Promise<unknown> =>
      (await diffInvitation(state, invitationInputs({ expires: "2031-05-06T07:08:09Z" }))).replaces;
    expect(
      await getReplaces(multiUse({ status: "expired", expires: pastExpiry, retiredAt: pastExpiry, gone: true })),
    ).toEqual(["expires"]);
    expect(
      await getReplaces(singleUse({ status: "used", expires: pastExpiry, retiredAt: pastExpiry, gone: true })),
    ).toEqual([]);
    const otherPastExpiry = invitationInputs({ expires: "2026-11-22T09:00:00Z" });
    expect(
      await diffInvitation(
        multiUse({ status: "expired", expires: pastExpiry, retiredAt: pastExpiry }),
        otherPastExpiry,
      ),
    ).toEqual({
      changes: false,
      replaces: [],
    });
  });
});

describe("an update without a request", () => {
  const issuedAt = "2031-04-22T07:08:09Z";

  async function updateWithoutRequests(olds: Properties, news: Properties): Promise<Properties> {
    const { outs } = await invitationProvider.update(id, olds, news);
    expect(requestLines()).toEqual([]);
    return outs as Properties;
  }

  test("stores a changed onRetired", async () => {
    const outs = await updateWithoutRequests(multiUse(), invitationInputs({ onRetired: "keep" }));
    expect(outs).toEqual(multiUse({ onRetired: "keep" }));
    expect(await updateWithoutRequests(outs, invitationInputs())).toEqual(multiUse());
  });

  test("stores whether the program sets expires or validFor, so that drift is shown as configured", async () => {
    const olds = multiUse({ issuedAt, validFor: "14d" });
    const outs = await updateWithoutRequests(olds, invitationInputs({ onRetired: "keep" }));
    expect(outs).toEqual(multiUse({ issuedAt, onRetired: "keep" }));
    const { expires: _expires, ...news } = invitationInputs({ validFor: "2 weeks" });
    expect(await updateWithoutRequests(outs, news)).toEqual(multiUse({ issuedAt, validFor: "2 weeks" }));
  });
});

describe("a pending invitation", () => {
  const { expires: _expires, ...inputs } = invitationInputs({ onRetired: "reissue", validFor: "14d" });
  const issuedAt = new Date(Date.now() - 10 * 86_400_000).toISOString();
  const expires = new Date(Date.parse(issuedAt) + 14 * 86_400_000).toISOString();
  const state = invitationState({ ...inputs, issuedAt, expires });

  test("with onRetired: reissue is replaced immediately if its new validFor has already ended", async () => {
    expect(await diffInvitation(state, { ...inputs, validFor: "7d" })).toEqual({
      changes: true,
      replaces: ["validFor"],
    });
    expect(await diffInvitation(state, { ...inputs, validFor: "20d" })).toEqual({ changes: true, replaces: [] });
    expect(await diffInvitation(state, inputs)).toEqual({ changes: false, replaces: [] });
  });

  test("with onRetired: reissue is replaced immediately if its expiry was extended outside Pulumi after validFor had ended", async () => {
    const olds = { ...state, issuedAt: "2026-11-01T00:00:00Z", expires: "2031-05-06T07:08:09Z" };
    expect((await diffInvitation(olds, inputs)).replaces).toEqual(["validFor"]);
  });

  test("without onRetired is updated in place even if its new validFor has already ended", async () => {
    expect(
      await diffInvitation({ ...state, onRetired: undefined }, { ...inputs, onRetired: undefined, validFor: "7d" }),
    ).toEqual({
      changes: true,
      replaces: [],
    });
  });
});

describe("an invitation whose expiry was moved into the past outside Pulumi", () => {
  const declared = "2031-05-06T07:08:09Z";

  /** Its state after a refresh. */
  async function ended(state: Properties): Promise<Properties> {
    const { expires } = state;
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: pastExpiry, single_use: state["singleUse"] }));
    mockResponse("GET", eventsPath, 200, pageBody([]));
    const { props } = await refresh(state);
    expect(props).toMatchObject({ status: "expired", expires: pastExpiry, __declaredExpires: expires });
    expect(props).not.toHaveProperty("retiredAt");
    return props;
  }

  test("is drift, and is repaired, while its declared expiry is in the future", async () => {
    expect(await diffInvitation(await ended(multiUse()), invitationInputs())).toEqual({ changes: true, replaces: [] });
  });

  test.each([
    ["is refreshed", true],
    ["is not refreshed", false],
  ])("retires as declared if it %s between its declared expiry and its deletion", async (_case, isRefreshed) => {
    const soon = new Date(Date.now() + 600).toISOString();
    const state = await ended(multiUse({ expires: soon }));
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (isRefreshed) {
      mockResponse("GET", invitationPath, 200, invitationBody({ expires: pastExpiry }));
      const { props } = await refresh(state);
      expect(props).toMatchObject({ status: "expired", retiredAt: soon });
    }
    mockResponse("GET", invitationPath, 404, notFoundBody);
    const { props } = await refresh(state);
    expect(props).toMatchObject({ status: "expired", expires: soon, retiredAt: soon, gone: true });
    expect(props).not.toHaveProperty("__declaredExpires");
    const news = invitationInputs({ expires: soon });
    const { inputs, failures } = await invitationProvider.check(invitationInputs({ expires: soon }), news);
    expect(failures).toEqual([]);
    for (const olds of [state, props]) {
      expect(await diffInvitation(olds, inputs as Properties)).toEqual({ changes: false, replaces: [] });
    }
  });

  test("is reissued if authentik deletes it before its declared expiry, and retires as declared if it is not reissued by then", async () => {
    const soon = new Date(Date.now() + 1000).toISOString();
    const state = await ended(multiUse({ expires: soon }));
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", eventsPath, 200, pageBody([cleanedUpEvent(), createdEvent()]));
    const { props } = await refresh(state);
    expect(props).toMatchObject({ status: "expired", gone: true, __declaredExpires: soon });
    const news = invitationInputs({ expires: soon });
    expect(await diffInvitation(props, news)).toEqual({ changes: true, replaces: ["expires"] });

    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await diffInvitation(props, news)).toEqual({ changes: false, replaces: [] });
    const { props: retired } = await refresh(props);
    expect(retired).toMatchObject({ status: "expired", expires: soon, retiredAt: soon, gone: true });
    expect(retired).not.toHaveProperty("__declaredExpires");
    expect(await diffInvitation(retired, news)).toEqual({ changes: false, replaces: [] });
    expect((await invitationProvider.check(news, news)).failures).toEqual([]);
  });

  test("counts as used if it was used before authentik deleted it, although its declared expiry is in the future", async () => {
    const state = await ended(singleUse());
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", eventsPath, 200, pageBody([deletedByExecutorEvent(), usedEvent(), createdEvent()]));
    const { props } = await refresh(state);
    expect(props).toEqual(singleUse({ status: "used", retiredAt: "2026-11-22T08:59:49Z", gone: true }));
    expect(await diffInvitation(props, invitationInputs({ singleUse: true, expires: declared }))).toEqual({
      changes: false,
      replaces: [],
    });
  });
});
