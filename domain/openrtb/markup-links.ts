/** Links of ours that go into the markup of one bid. */
export interface MarkupLinks {
  /** Counts the click and leads on to the landing page. */
  clickUrl: string;
  /** Is called when the ad is seen. */
  viewUrl: string;
  /** Identity of the bid. */
  bidId: string;
}
