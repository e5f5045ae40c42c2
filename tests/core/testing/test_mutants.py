"""The suite finds what is wrong: each mutant fails a behaviour that the good adapter passes."""

import pytest

from anyvenue_gateio.venue import GateVenue

CAUGHT_BY = {
    "WrongSign": "a_sell_sells_and_a_buy_buys",
    "ContractsNotConverted": "an_orders_price_quantity_and_side_arrive_as_they_were_given",
    "PositionsInContracts": "positions_are_signed_and_in_base_units",
    "GapIgnored": "a_book_with_a_gap_is_mended_and_is_the_exchanges_again",
    "AckTakenForFill": "an_acknowledgement_is_not_a_fill",
    "CreateRetried": "a_create_whose_reply_is_lost_is_unknown_and_at_the_venue_once",
    "ErrorSwallowed": "an_order_too_large_for_the_account_is_refused_for_its_funds",
    "UnknownTakenForRejected": "a_create_that_never_arrived_is_unknown_and_not_sent_again",
    "WaitsForEver": "a_create_that_never_arrived_is_unknown_and_not_sent_again",
    "ReduceOnlyDropped": "a_reduce_only_order_never_opens_a_position",
    "PostOnlyDropped": "a_post_only_order_that_would_take_never_trades",
    "TimeInForceDropped": "an_ioc_order_takes_what_is_there_and_leaves_nothing",
    "TriggerDropped": "a_stop_waits_until_its_price_is_reached_and_then_trades",
    "CancelAllOfEverything": "cancel_all_leaves_the_orders_of_other_instruments",
    "CancelThatIsNotSent": "a_canceled_order_is_gone",
    "CancelRefusalSwallowed": "a_cancel_of_a_filled_order_is_refused_and_it_stays_filled",
    "AmendedPriceForgotten": "price_and_quantity_change_together",
    "LeverageEchoed": "leverage_is_read_back_and_is_the_exchanges",
    "FindsAnyOrder": "an_order_that_was_never_sent_is_not_found",
    "AbsentSendsAnyway": "a_call_that_is_declared_absent_says_so_and_sends_nothing",
    "NativeThatIsNot": "a_call_that_is_declared_native_is_there",
    "CloseLeavesTask": "close_leaves_no_task_behind",
    "CloseCancelsOrders": "orders_stay_when_the_connection_is_closed",
    "SecretsLogged": "secrets_are_in_no_log_and_no_error",
    "MissedIsForgotten": "missed_fills_are_told_before_reconnected",
    "FillsToldTwice": "fills_and_order_state_agree",
    "FillsOfAnotherPrice": "a_fills_price_fee_and_id_are_the_exchanges",
    "StalePositionWins": "a_change_of_position_is_told_and_the_last_word_is_the_newest",
    "MillisecondsTakenForNanoseconds": "a_trades_times_are_nanoseconds",
    "MakersSideTold": "trades_are_told_once_each_in_order_with_the_takers_side",
    "SizesTenfold": "the_book_is_the_exchanges_at_every_quiet_point",
    "RateLimitRepeated": "too_many_requests_is_rate_limited_and_nothing_is_sent_again_by_itself",
    "UnsubscribeIgnored": "after_an_unsubscribe_nothing_more_is_told_and_a_second_one_is_harmless",
    "CloseFailsTheSecondTime": "close_can_be_called_twice",
    "StopsAtTheFirstPage": "open_orders_have_every_page",
    "FillsNewestFirst": "fills_by_request_are_the_exchanges_oldest_first",
    "FlatPositionsListed": "a_flat_position_is_not_listed",
    "ProtectionThatIsNotSent": "a_stop_loss_closes_the_position_when_its_price_comes",
    "TakeProfitAndStopLossSwapped": "a_take_profit_closes_the_position_when_its_price_comes",
    "CloseThatIsNotSent": "close_takes_the_whole_position_long_or_short",
    "AmendOfTheRestOnly": "an_amended_quantity_is_the_new_total",
    "BatchAnswersForgotten": "a_batch_has_one_answer_for_each_order_in_their_order",
    "MarginModeIgnored": "the_margin_mode_is_read_back",
    "ServerErrorTakenForNotSent": "a_server_error_on_a_create_is_an_unknown_outcome_and_not_repeated",
    "HistoryOfTheWrongState": "the_history_has_the_orders_that_ended",
    "TradesOldestLast": "trades_by_request_are_those_that_happened_oldest_first",
    "TermsTenfold": "an_instruments_terms_are_those_the_venue_has",
    "BookSidesSwapped": "the_book_is_the_exchanges_at_every_quiet_point",
    "OthersOrdersTold": "two_accounts_do_not_hear_of_each_other",
    "BalanceIsNotTold": "a_change_of_the_balance_is_told_without_being_asked_for",
    "MakerCalledTaker": "a_fill_says_whether_it_made_or_took_liquidity_and_never_wrongly",
    "IcebergDropped": "an_iceberg_shows_only_the_part_that_it_may",
    "SentAgainWhenCancelled": "a_call_that_is_cancelled_half_way_is_unknown_and_not_sent_again",
    "DeadManSwitchThatIsNotSent": "a_dead_mans_switch_cancels_all_orders_when_nobody_arms_it_again",
    "DeadManSwitchThatCannotBeDisarmed": ("a_dead_mans_switch_that_is_armed_again_in_time_or_disarmed_does_nothing"),
    "CandlesBeginLate": "candles_are_told_in_the_interval_asked_for_and_oldest_first",
    "CandleVolumeInContracts": "a_candle_that_is_over_is_told_as_closed_with_all_that_traded",
    "FundingRateInPercent": "the_funding_stream_tells_the_rate_and_when_it_counts",
    "FundingPaidTakenForReceived": "funding_paid_and_received_is_the_exchanges",
    "BurstsThinnedOut": "a_burst_of_news_is_told_whole_and_in_order",
    "ImpatientWithLateNews": "news_that_come_late_are_all_told",
    "LossIsKeptQuiet": "a_lost_stream_is_told_and_then_that_it_is_back",
    "ClockTakenForBehind": "a_clock_that_is_off_is_corrected",
    "BalanceInCents": "balances_are_the_exchanges",
    "BalanceOfTheStart": "the_balance_follows_what_trading_costs",
    "CloseOpensWhatIsFlat": "close_of_a_flat_position_opens_none",
    "CancelAllOfNothingRefused": "cancel_all_without_orders_is_no_error",
    "NativeChannelThatIsNot": "a_channel_that_is_declared_native_can_be_subscribed_to",
    "WeaknessUnsaid": "an_approximate_capability_says_what_is_weaker",
    "FailedReadTakenForNothing": "a_read_that_keeps_failing_ends_in_an_error_of_the_tree",
    "FailedReadNotRepeated": "a_read_is_repeated_after_a_server_error",
    "ReadsWaitForEver": "every_read_has_a_deadline",
    "ErrorsOfNobody": "errors_say_the_venue",
    "EventsOfAThread": "events_come_on_the_event_loops_thread",
    "AnswersBeforeItIsConnected": "before_connect_a_call_fails_clearly",
    "InstrumentsOfNoConnection": "instruments_are_listed_under_the_connections_name",
    "SmallestForgotten": "a_quantity_below_the_smallest_is_refused_before_anything_is_sent",
    "GridForgotten": "a_price_off_the_grid_is_refused_before_anything_is_sent",
    "RequestedBookShort": "the_book_by_request_is_the_streams_or_the_request_is_not_supported",
    "SymbolsRunTogether": "an_instrument_is_found_by_its_neutral_and_by_the_venues_own_name",
    "LastCalledMark": "the_ticker_tells_the_mark_price",
    "QuotesInContracts": "quotes_tell_the_best_of_each_side_in_base_units",
    "ChangesBeforeTheBook": "a_books_stream_begins_with_a_snapshot",
    "OtherInstrumentsTold": "a_channel_of_another_instrument_stays_quiet",
    "FillsInMilliseconds": "a_fills_times_are_nanoseconds",
}
PASSED_BY_THE_GOOD_ONE_ALONE = {
    "a_call_that_is_declared_absent_says_so_and_sends_nothing"
}  # skipped: nothing is absent


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_a_mutant_is_caught(name, mutants, failure):
    assert failure(getattr(mutants, name), CAUGHT_BY[name]) is not None


@pytest.mark.parametrize("behaviour", sorted(set(CAUGHT_BY.values()) - PASSED_BY_THE_GOOD_ONE_ALONE))
def test_the_good_adapter_passes_what_catches_them(behaviour, failure):
    assert failure(GateVenue, behaviour) is None


def test_every_mutant_has_a_behaviour_that_catches_it(mutants):
    made = {name for name, kind in vars(mutants).items() if isinstance(kind, type) and issubclass(kind, GateVenue)}
    assert made - {"GateVenue", "_Telling"} == set(CAUGHT_BY)
