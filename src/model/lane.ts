/** Names of the rate-limited ways to an API: per account, API and direction. */
export type LaneApi = 'kubernetes' | 'iam' | 'eks' | 'sts' | 'ec2' | 'cloudtrail';
export type LaneId = `${LaneApi}-${'read' | 'write'}`;
export const laneApis: readonly LaneApi[] = ['kubernetes', 'iam', 'eks', 'sts', 'ec2', 'cloudtrail'];
