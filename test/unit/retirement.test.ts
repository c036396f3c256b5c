import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { invitationId } from "../../provider/common/pk";
import { catchError } from "./support/catch-error";
import { advanceClock, useFakeClock } from "./support/clock";
import {
  cleanedUpEvent,
  createdEvent,
  deletedByExecutorEvent,
  deletedEvent,
  eventsPath,
  eventsRequest,
  usedEvent,
} from "./support/events";
import { mockResponse, requestLines, useHttpMocks } from "./support/http-mocks";
import { diffInvitation, invitationInputs, invitationState, type Properties, refresh } from "./support/invitation";
import { type Body, htmlPage, invitationBody, notFoundBody, otherPk, pageBody, pk } from "./support/response-bodies";
import { warnings } from "./support/warnings";

const invitationPath = `/stages/invitation/invitations/${pk}/`;
const id = invitationId(pk);
const pastExpiry = "2026-11-22T08:30:00Z";
const futureExpiry = "2031-05-06T07:08:09Z";
const objectPk = otherPk.replaceAll("-", "");
const unchanged = { changes: false, replaces: [] };
const updated = { changes: true, replaces: [] };

useHttpMocks(invitationProvider);

const singleUse = (changes: Properties = {}): Properties => invitationState({ singleUse: true, ...changes });
const multiUse = (changes: Properties = {}): Properties => invitationState(changes);

function mockInvitation(changes: Body): void {
  mockResponse("GET", invitationPath, 200, invitationBody(changes));
}

function mockEvents(...events: readonly Body[]): void {
  mockResponse("GET", eventsPath, 200, pageBody(events));
}

/** Refreshes an invitation that authentik has deleted. Returns how it was retired, or "drift" if it has to be recreated. */
async function refreshDeleted(state: Properties, events?: readonly Body[]): Promise<Properties | "drift"> {
  mockResponse("GET", invitationPath, 404, notFoundBody);
  if (events) mockEvents(...events);
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

// Without permission to read the event log: see test/engine/retired.test.ts.
describe("an invitation deleted before its expiry", () => {
  const useEvents = [deletedByExecutorEvent({ created: "2026-11-22T08:59:50.025595Z" }), usedEvent(), createdEvent()];
  const used = { status: "used", retiredAt: "2026-11-22T08:59:49Z" };
  const usedWithoutEvent = { status: "used", retiredAt: "2026-11-22T08:59:51Z" };

  const byUser = [deletedEvent(), createdEvent()];
  const byUserAfterUse = [deletedEvent(), usedEvent(), createdEvent()];
  const byExecutor = [deletedByExecutorEvent(), createdEvent()];
  const byCleanup = [cleanedUpEvent(), createdEvent()];
  const admin = "deleted by akadmin on 2026-11-22T08:59:51Z";
  const task = "deleted by authentik-shell on 2026-11-22T08:59:51Z";

  test.each<[string, Properties, Body[], Properties]>([
    ["it was used", singleUse(), useEvents, used],
    ["it was used, in any order of the events", singleUse(), [...useEvents].reverse(), used],
    ["it was made single-use outside Pulumi and then used", multiUse(), useEvents, used],
    ["it is single-use and has only a use event", singleUse(), [usedEvent(), createdEvent()], used],
    ["it is single-use and a user deleted it after a use", singleUse(), byUserAfterUse, used],
    ["the flow executor deleted it", singleUse(), byExecutor, usedWithoutEvent],
    ["the flow executor deleted it (multi-use)", multiUse(), byExecutor, usedWithoutEvent],
  ])("counts as used if %s", async (_case, state, events, retired) => {
    expect(await refreshDeleted(state, events)).toEqual(retired);
    expect(requestLines()).toEqual([`GET ${invitationPath}`, eventsRequest()]);
    expect(warnings()).toEqual([]);
  });

  test.each<[string, Properties, Body[], string]>([
    ["a user deleted it", singleUse(), byUser, admin],
    ["a user deleted it (multi-use)", multiUse(), byUser, admin],
    ["a user deleted it after a use (multi-use)", multiUse(), byUserAfterUse, admin],
    ["the cleanup task deleted it after a change of its expiry", singleUse(), byCleanup, task],
    ["the cleanup task deleted it after a change of its expiry (multi-use)", multiUse(), byCleanup, task],
    ["there is no deletion event yet (multi-use)", multiUse(), [createdEvent()], "deleted outside Pulumi"],
  ])("is drift if %s, and the warning names who deleted it", async (_case, state, events, warning) => {
    expect(await refreshDeleted(state, events)).toBe("drift");
    expect(warnings()).toEqual([`Invitation "jane": ${warning}`]);
  });

  test("counts as used now if it is single-use and has no deletion event yet", async () => {
    const before = Date.now();
    for (const events of [[], [createdEvent()]]) {
      const retired = (await refreshDeleted(singleUse(), events)) as Properties;
      expect(retired).toMatchObject({ status: "used", retiredAt: expect.stringMatching(/:\d\dZ$/) });
      const retiredAt = Date.parse(String(retired["retiredAt"]));
      expect(retiredAt).toBeGreaterThan(before - 1000);
      expect(retiredAt).toBeLessThanOrEqual(Date.now());
    }
    expect(warnings()).toEqual([]);
  });

  test("is not affected by events of other objects that mention its pk", async () => {
    const mentions = [
      deletedEvent({ objectPk, path: `/api/v3/stages/invitation/invitations/${pk}/` }),
      usedEvent({ objectPk }),
      deletedByExecutorEvent({ objectPk }),
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

test.each([
  ["a single-use invitation", singleUse()],
  ["a multi-use invitation", multiUse()],
])("a failing event log fails the refresh of %s, which counts as neither deleted nor used", async (_case, state) => {
  mockResponse("GET", invitationPath, 404, notFoundBody);
  mockResponse("GET", eventsPath, 500, htmlPage);
  const { message, stack } = await catchError(invitationProvider.read(id, state));
  expect(message).toBe(
    'Could not read the events of invitation "jane": GET /api/v3/events/events/ returned 500: an HTML page. authentik failed. Check the server\'s log, then run again.',
  );
  expect(stack).toBe("");
  expect(warnings()).toEqual([]);
});

describe("an invitation deleted after its expiry", () => {
  const expired = { status: "expired", retiredAt: pastExpiry };

  test.each<[string, Properties, Body[] | undefined, Properties]>([
    ["is expired if it is multi-use, without a request to the event log", multiUse(), undefined, expired],
    ["is expired if the cleanup task deleted it", singleUse(), [cleanedUpEvent(), createdEvent()], expired],
    ["is expired if a user deleted it", singleUse(), [deletedEvent(), createdEvent()], expired],
    // Which deletes it.
    [
      "is expired if authentik 2026.2 rejected its link",
      singleUse(),
      [deletedByExecutorEvent(), createdEvent()],
      expired,
    ],
    ["is expired if it has no events", singleUse(), [], expired],
    [
      "counts as used at the time of its use event if it is single-use",
      singleUse(),
      [deletedByExecutorEvent(), usedEvent(), createdEvent()],
      { status: "used", retiredAt: "2026-11-22T08:59:49Z" },
    ],
  ])("%s", async (_case, state, events, retired) => {
    expect(await refreshDeleted({ ...state, expires: pastExpiry }, events)).toEqual(retired);
    expect(warnings()).toEqual([]);
  });
});

describe("an existing invitation", () => {
  const otherPast = "2026-11-22T09:00:00Z";
  const expired = multiUse({ expires: pastExpiry, status: "expired", retiredAt: pastExpiry });

  test.each<[string, Properties, Body, Properties]>([
    ["is expired as of its expiry", multiUse({ expires: pastExpiry }), {}, expired],
    [
      "has no drift once it has expired",
      multiUse({ expires: pastExpiry }),
      { fixed_data: { changed: true }, single_use: true, name: "x" },
      expired,
    ],
    [
      "is expired as declared if its declared expiry has passed as well as the one that was set outside Pulumi",
      multiUse({ expires: otherPast }),
      {},
      multiUse({ expires: otherPast, status: "expired", retiredAt: otherPast }),
    ],
    [
      "stays pending, whether or not it was used, if it is multi-use",
      multiUse(),
      { expires: futureExpiry },
      multiUse(),
    ],
  ])("%s, and is only read", async (_case, state, body, refreshed) => {
    mockInvitation({ expires: pastExpiry, ...body });
    const { props, inputs } = await refresh(state);
    expect(props).toEqual(refreshed);
    expect(inputs).toEqual(invitationInputs({ expires: state["expires"] }));
    expect(requestLines()).toEqual([`GET ${invitationPath}`]);
    expect(warnings()).toEqual([]);
  });

  test("is pending again, which is drift, if its expiry was extended outside Pulumi", async () => {
    mockInvitation({ expires: futureExpiry });
    mockEvents();
    expect((await refresh(expired)).props).toEqual(multiUse());
    expect(warnings()).toEqual(['Invitation "jane": expires changed outside Pulumi']);
  });
});

// That it is neither read nor deleted, and what reissues it, is proven by test/engine/retired.test.ts and test/life.
describe.each([
  ["used", singleUse({ status: "used", expires: pastExpiry, retiredAt: pastExpiry, gone: true })],
  ["expired", multiUse({ status: "expired", expires: pastExpiry, retiredAt: pastExpiry, gone: true })],
])("a retired invitation (%s)", (status, state) => {
  test.each<Properties>([
    { name: "renamed" },
    { fixedData: { email: "jane@example.com" } },
    { singleUse: false },
    { flow: "enrollment" },
    { onRetired: "keep" },
    { connection: "authentik-staging" },
    { expires: "2026-11-22T09:00:00Z" },
  ])("ignores %j", async (change) => {
    expect(await diffInvitation(state, invitationInputs({ expires: pastExpiry, ...change }))).toEqual(unchanged);
  });

  test("is reissued for an expiry in the future only if it expired", async () => {
    const { replaces } = await diffInvitation(state, invitationInputs({ expires: futureExpiry }));
    expect(replaces).toEqual(status === "expired" ? ["expires"] : []);
  });
});

test("an update stores onRetired, and whether the program sets expires or validFor, without a request", async () => {
  const update = async (olds: Properties, news: Properties): Promise<Properties> =>
    (await invitationProvider.update(id, olds, news)).outs as Properties;
  const issuedAt = "2031-04-22T07:08:09Z";
  const kept = await update(multiUse({ issuedAt, validFor: "14d" }), invitationInputs({ onRetired: "keep" }));
  expect(kept).toEqual(multiUse({ issuedAt, onRetired: "keep" }));
  const withDuration = await update(kept, invitationInputs({ validFor: "2 weeks" }));
  expect(withDuration).toEqual(multiUse({ issuedAt, validFor: "2 weeks" }));
  expect(await update(withDuration, invitationInputs())).toEqual(multiUse({ issuedAt }));
  expect(requestLines()).toEqual([]);
});

describe("a pending invitation", () => {
  const inputs = invitationInputs({ onRetired: "reissue", validFor: "14d" });
  const issuedAt = new Date(Date.now() - 10 * 86_400_000).toISOString();
  const expires = new Date(Date.parse(issuedAt) + 14 * 86_400_000).toISOString();
  const state = invitationState({ ...inputs, issuedAt, expires });
  const keep = { onRetired: undefined };

  test.each<[string, Properties, Properties, object]>([
    [
      "is replaced if its new validFor has already ended",
      {},
      { validFor: "7d" },
      { changes: true, replaces: ["validFor"] },
    ],
    [
      "is replaced if its expiry was extended outside Pulumi after validFor had ended",
      { issuedAt: "2026-11-01T00:00:00Z", expires: futureExpiry },
      {},
      { changes: true, replaces: ["validFor"] },
    ],
    ["is updated in place if its new validFor has not ended", {}, { validFor: "20d" }, updated],
    ["is unchanged", {}, {}, unchanged],
    ["is updated in place without onRetired", keep, { ...keep, validFor: "7d" }, updated],
  ])("with onRetired: reissue %s", async (_case, olds, news, expected) => {
    expect(await diffInvitation({ ...state, ...olds }, { ...inputs, ...news })).toEqual(expected);
  });
});

describe("an invitation whose expiry was moved into the past outside Pulumi", () => {
  useFakeClock();

  const inOneMinute = (): string => new Date(Date.now() + 60_000).toISOString();

  /** Its state after a refresh. */
  async function ended(state: Properties): Promise<Properties> {
    const { expires } = state;
    mockInvitation({ expires: pastExpiry, single_use: state["singleUse"] });
    mockEvents();
    const { props } = await refresh(state);
    expect(props).toMatchObject({ status: "expired", expires: pastExpiry, __declaredExpires: expires });
    expect(props).not.toHaveProperty("retiredAt");
    return props;
  }

  test("is drift, and is repaired in place, while its declared expiry is in the future, however often it is refreshed", async () => {
    const state = await ended(multiUse());
    mockInvitation({ expires: pastExpiry });
    expect((await refresh(state)).props).toEqual(state);
    expect(await diffInvitation(state, invitationInputs())).toEqual(updated);
    mockResponse("PUT", invitationPath, 200, invitationBody());
    const { outs } = await invitationProvider.update(id, state, invitationInputs());
    expect(outs).toMatchObject({ status: "pending", expires: futureExpiry });
  });

  test.each([
    ["is refreshed", true],
    ["is not refreshed", false],
  ])("retires as declared if it %s between its declared expiry and its deletion", async (_case, isRefreshed) => {
    const soon = inOneMinute();
    const state = await ended(multiUse({ expires: soon }));
    advanceClock(60_000);
    if (isRefreshed) {
      mockInvitation({ expires: pastExpiry });
      const { props } = await refresh(state);
      expect(props).toMatchObject({ status: "expired", retiredAt: soon });
    }
    mockResponse("GET", invitationPath, 404, notFoundBody);
    const { props } = await refresh(state);
    expect(props).toMatchObject({ status: "expired", expires: soon, retiredAt: soon, gone: true });
    expect(props).not.toHaveProperty("__declaredExpires");
    const news = invitationInputs({ expires: soon });
    expect(await invitationProvider.check(news, news)).toMatchObject({ failures: [] });
    for (const olds of [state, props]) expect(await diffInvitation(olds, news)).toEqual(unchanged);
  });

  test.each([
    ["by the cleanup task", [cleanedUpEvent(), createdEvent()]],
    ["without an event", []],
  ])(
    "is reissued if it is deleted (%s) before its declared expiry, and retires as declared if it is not reissued by then",
    async (_case, events) => {
      const soon = inOneMinute();
      const state = await ended(multiUse({ expires: soon }));
      mockResponse("GET", invitationPath, 404, notFoundBody);
      mockEvents(...events);
      const { props } = await refresh(state);
      expect(props).toEqual({ ...state, gone: true });
      const news = invitationInputs({ expires: soon });
      expect(await diffInvitation(props, news)).toEqual({ changes: true, replaces: ["expires"] });

      advanceClock(60_000);
      expect(await diffInvitation(props, news)).toEqual(unchanged);
      const { props: retired } = await refresh(props);
      expect(retired).toMatchObject({ status: "expired", expires: soon, retiredAt: soon, gone: true });
      expect(retired).not.toHaveProperty("__declaredExpires");
      expect(await diffInvitation(retired, news)).toEqual(unchanged);
      expect((await invitationProvider.check(news, news)).failures).toEqual([]);
    },
  );

  test("counts as used if it was used before authentik deleted it, although its declared expiry is in the future", async () => {
    const state = await ended(singleUse());
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockEvents(deletedByExecutorEvent(), usedEvent(), createdEvent());
    const { props } = await refresh(state);
    expect(props).toEqual(singleUse({ status: "used", retiredAt: "2026-11-22T08:59:49Z", gone: true }));
    expect(await diffInvitation(props, invitationInputs({ singleUse: true }))).toEqual(unchanged);
  });
});
