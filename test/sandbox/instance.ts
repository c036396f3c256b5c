import { randomUUID } from "node:crypto";
import { Bindings } from "./bindings";
import { Events } from "./events";
import { Executor } from "./executor";
import { Flows } from "./flows";
import { type Instant, instant } from "./instants";
import { Invitations } from "./invitations";
import type { Profile } from "./profiles";
import { AllStages, Stages } from "./stages";
import { Users } from "./users";

/** One authentik with all that is in it. */
export class Instance {
  /** The system setting `default_token_duration` in minutes: how long an invitation lives that says no expiry (`settings`). */
  defaultTokenMinutes = 30;
  private lastTime = 0;
  /** How many moments were told while the clock stood at `lastTime`: each is a microsecond later than the one before. */
  private told = 0;
  readonly users: Users;
  readonly flows: Flows;
  readonly stages: Stages;
  readonly allStages: AllStages;
  readonly bindings: Bindings;
  readonly invitations: Invitations;
  readonly events: Events;
  readonly executor: Executor;

  constructor(
    readonly profile: Profile,
    readonly clock: () => Date,
  ) {
    this.events = new Events(this);
    this.users = new Users(this);
    this.flows = new Flows(this);
    this.stages = new Stages(this);
    this.allStages = new AllStages(this);
    this.bindings = new Bindings(this);
    this.invitations = new Invitations(this);
    this.executor = new Executor(this);
    this.stages.addDefaults();
  }

  uuid(): string {
    return randomUUID();
  }

  /** Now, or so many minutes from now. No two are the same while the clock runs on, so that what is made later is later. */
  moment(minutes = 0): Instant {
    const time = this.clock().getTime();
    this.told = time === this.lastTime ? this.told + 1 : 1;
    this.lastTime = time;
    return instant(new Date(time + minutes * 60_000 + Math.floor(this.told / 1000)), this.told % 1000);
  }
}
