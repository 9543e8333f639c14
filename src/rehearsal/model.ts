import { admit } from '../identity/admit.js';
import { answer } from '../identity/answer.js';
import type { Place, PodIdentityAnswer } from '../identity/types.js';
import { type World, worldOf } from '../identity/world.js';
import type { Inventory, PodView } from '../model/inventory.js';

/** The identity model as the rehearsal asks it; tests put wrong ones in its place. */
export interface IdentityModel {
  worldOf(inventory: Inventory): World;
  answer(view: PodView, world: World, place: Place): PodIdentityAnswer;
  /** What admission makes of a template. */
  admit(view: PodView, world: World): PodView;
}

export const identityModel: IdentityModel = { worldOf: (inventory) => worldOf(inventory), answer, admit };
