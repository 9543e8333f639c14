import { findings } from '../findings/analyse.js';
import { study } from '../findings/estate.js';
import type { Inventory } from '../model/inventory.js';
import type { PlanOptions } from '../model/options.js';
import type { Plan } from '../model/plan.js';
import { registry } from '../steps/registry.js';
import { assemble } from './assemble.js';

/**
 * Plans the migration of one cluster. Pure: the same inventory and options give the same bytes, `createdAt` aside. Rejects
 * with RL631 (selector) and RL64x (--accept); whatever else is wrong with the estate stands in the plan's findings.
 */
export const plan = (
  inventory: Inventory,
  options: PlanOptions,
  at: { readonly createdAt: string; readonly tool: string },
): Plan => assemble(study(inventory, options.sdkKnown), options, at, { findings, kinds: registry });
