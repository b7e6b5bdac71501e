/** What is left of permission bits where the group is another one: the group and others may do what both could do. */
export function withoutGroup(permissions: number): number {
  const common = (permissions >> 3) & permissions & 0o7
  return (permissions & 0o700) | (common << 3) | common
}
